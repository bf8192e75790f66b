import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, RunError } from "@limbeck/core";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { EvaluationRecord } from "../records/record.ts";
import { readRecords } from "../records/record-file.ts";
import { folderCellStore } from "../sweep/cell-store.ts";
import type { SweepEvent } from "../sweep/run-sweep.ts";
import { planToySweep, runToySweep } from "../sweep/toy-sweep.test-support.ts";
import type { WorkerEvent } from "./cell-worker.ts";
import { queueSweep } from "./queue-sweep.ts";
import { REDIS_SERVER, startRedis, type TestRedis } from "./testing/redis-server.ts";
import {
  runToyWorker,
  startToyWorker,
  type ToyWorkerOptions,
  type WorkerProcess,
} from "./testing/toy-worker.ts";

const SWEEP = `
evaluate: { networks: mlp, protocols: [dc-e2-v1, dc-e3-v1], seeds: 0 }
grid: { methods: { method: toy, config: { iterations: 40 } }, datasets: toy, ipc: 1, seeds: 0-4 }
`;
const LEASE = 2;
const SILENT = "its worker fell silent; another takes it";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "limbeck-queue-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true, maxRetries: 3 }));

function write(name: string, text = SWEEP): string {
  const path = join(root, name);
  writeFileSync(path, text);
  return path;
}

/** A record without what differs from run to run. */
function lasting({ seconds: _seconds, date: _date, ...rest }: EvaluationRecord): unknown {
  return rest;
}

describe.skipIf(REDIS_SERVER === undefined)("a queue (needs redis-server or valkey-server)", () => {
  let redis: TestRedis;
  const workers: WorkerProcess[] = [];
  beforeAll(async () => {
    redis = await startRedis("secret");
  });
  afterEach(async () => {
    for (const { child } of workers.splice(0)) {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "close");
    }
  });
  afterAll(() => redis.stop());

  function places(folder: string, name: string): ToyWorkerOptions {
    return {
      queue: redis.address,
      name,
      place: folder,
      work: join(folder, "work"),
      prepared: join(folder, "prepared"),
      leaseSeconds: LEASE,
    };
  }

  test("one worker killed in mid-cell, one frozen, the server restarted empty: the records of an undisturbed sweep", async () => {
    const file = write("sweep.yaml");
    const undisturbed = await runToySweep(file, { folder: join(root, "undisturbed") });
    const folder = join(root, "disturbed");
    const records = join(folder, "records.jsonl");
    const [killed, frozen] = ["killed", "frozen"].map((name) =>
      startToyWorker({ ...places(folder, name), stepMilliseconds: 25 }),
    ) as [WorkerProcess, WorkerProcess];
    workers.push(killed, frozen);
    const midway = (event: WorkerEvent): boolean => event.kind === "progress" && event.done > 5;
    const struck = Promise.all([
      killed.sees(midway).then(() => killed.child.kill("SIGKILL")),
      frozen.sees(midway).then(() => frozen.child.kill("SIGSTOP")),
    ]);
    const notes: string[] = [];
    let restarted: Promise<void> | undefined;
    const onEvent = (event: SweepEvent): void => {
      if (event.kind !== "note") return;
      notes.push(event.text);
      if (event.text === SILENT) restarted ??= redis.restart();
    };
    const plan = await planToySweep(file);
    const store = () => folderCellStore(folder);
    const watch = { queue: redis.address, store, records: [records], lookSeconds: 1, onEvent };
    const watched = queueSweep(plan, watch);
    await struck;
    const stop = new AbortController();
    const steady = runToyWorker({ ...places(folder, "steady"), stepMilliseconds: 25, signal: stop.signal });
    const { failed, records: made } = await watched;
    expect(failed).toEqual([]);
    expect(made.map(lasting)).toEqual(undisturbed.records.map(lasting));
    expect(readRecords(records).map(lasting)).toEqual(undisturbed.records.map(lasting));
    await restarted;
    expect(notes).toContain(SILENT);
    expect(notes).toContainEqual(
      expect.stringMatching(/^redis:[^:]*:\d+: the server is gone; waiting for it$/),
    );
    stop.abort();
    await steady;

    // The frozen one wakes, finds its cell taken, and changes nothing.
    const outcomes = contents(folder);
    frozen.child.kill("SIGCONT");
    await frozen.sees((event) => event.kind === "note" && event.text.endsWith("another worker has it"));
    expect(contents(folder)).toEqual(outcomes);
    // Watching again finds everything and records nothing twice.
    const again = await queueSweep(plan, {
      queue: redis.address,
      store: () => folderCellStore(folder),
      records: [records],
    });
    expect(again.records).toEqual(made);
    expect(readRecords(records)).toHaveLength(made.length);
  }, 60_000);

  test("a worker that is stopped gives its cell back, and another goes on from its checkpoint", async () => {
    const file = write("one.yaml", SWEEP.replace("seeds: 0-4", "seeds: 9"));
    const folder = join(root, "one");
    const watched = queueSweep(await planToySweep(file), {
      queue: redis.address,
      store: () => folderCellStore(folder),
      records: [],
    });
    const end = new AbortController();
    const first = await runToyWorker({
      ...places(folder, "first"),
      signal: end.signal,
      onEvent: (event) => event.kind === "progress" && event.done > 3 && end.abort(),
    });
    expect(first).toEqual({ done: 0, failed: 0 });
    expect(readdirSync(join(folder, "work", "first"))).toHaveLength(1);
    const stop = new AbortController();
    const events: WorkerEvent[] = [];
    const working = runToyWorker({
      ...places(folder, "second"),
      signal: stop.signal,
      onEvent: (event) => events.push(event),
    });
    expect((await watched).failed).toEqual([]);
    stop.abort();
    expect(await working).toEqual({ done: 3, failed: 0 });
    expect(events[0]).toMatchObject({ kind: "begin", adopted: true });
    const resumed = events.find((event) => event.kind === "progress");
    expect(resumed).toHaveProperty(
      "done",
      expect.toSatisfy((done: number) => done > 3 && done < 40),
    );
    expect(readdirSync(join(folder, "work", "first"))).toEqual([]);
  }, 60_000);

  test("a failed cell is told with its reason, fails what needs it, and is tried again only when asked to", async () => {
    const file = write(
      "bad.yaml",
      SWEEP.replace("iterations: 40", "iterations: 3, learningRate: 1.0e+38").replace("0-4", "0"),
    );
    const folder = join(root, "bad");
    const plan = await planToySweep(file);
    const stop = new AbortController();
    const working = runToyWorker({ ...places(folder, "only"), signal: stop.signal });
    const watch = (retryFailed = false) => {
      const failures: SweepEvent[] = [];
      return queueSweep(plan, {
        queue: redis.address,
        store: () => folderCellStore(folder),
        records: [],
        retryFailed,
        onEvent: (event) => event.kind === "failed" && failures.push(event),
      }).then(({ failed }) => ({ failed, failures }));
    };
    const first = await watch();
    expect(first.failed.map(({ message }) => message)).toEqual([
      expect.stringMatching(/not finite|NaN|Infinity/),
      "its distillation failed",
      "its distillation failed",
    ]);
    expect((await watch()).failures).toEqual([expect.objectContaining({ before: true })]);
    expect((await watch(true)).failures).toEqual([expect.objectContaining({ before: false })]);
    stop.abort();
    expect((await working).failed).toBe(6);
  }, 60_000);

  test("another version is refused", async () => {
    const client = new Redis(redis.address);
    onTestFinished(() => void client.disconnect());
    await client.set("limbeck:version", "0.0.1");
    const refusal =
      /^queue: its work is of version 0.0.1, this program is .*: use the same version, or delete the key limbeck:version/;
    await expect(runToyWorker(places(join(root, "version"), "new"))).rejects.toThrow(refusal);
    const plan = await planToySweep(write("version.yaml"));
    const store = () => folderCellStore(join(root, "version"));
    await expect(queueSweep(plan, { queue: redis.address, store, records: [] })).rejects.toThrow(ConfigError);
    await client.del("limbeck:version");
  });

  test("no server, a wrong password, none, and no address: one message without the password", async () => {
    const fault = async (queue: string): Promise<string> => {
      const error: unknown = await runToyWorker({ ...places(root, "refused"), queue }).catch(
        (cause: unknown) => cause,
      );
      expect(error instanceof ConfigError || error instanceof RunError).toBe(true);
      const { message } = error as Error;
      expect(message).not.toMatch(/secret|hunter2/);
      return message.replaceAll(String(redis.port), "PORT");
    };
    expect([
      await fault(`redis://:hunter2@127.0.0.1:${redis.port}`),
      await fault(`redis://127.0.0.1:${redis.port}`),
      await fault("redis://:hunter2@127.0.0.1:1"),
      await fault("http://user:hunter2@host"),
    ]).toMatchInlineSnapshot(`
      [
        "redis://127.0.0.1:PORT: the server refused the user or password; check the address of --queue",
        "redis://127.0.0.1:PORT: the server wants a password, got none; give it in the address, redis://:PASSWORD@host:6379",
        "redis://127.0.0.1:1: wanted a Redis or Valkey server, got ECONNREFUSED; start one there, or check the address of --queue",
        "--queue: wanted an address such as redis://host:6379 or rediss://user:password@host:6379/0",
      ]
    `);
  });
});

/** Every file of the store's finished cells. */
function contents(folder: string): Record<string, string> {
  const cells = join(folder, "cells");
  if (!existsSync(cells)) return {};
  const names = readdirSync(cells, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    names
      .filter((name) => name.endsWith(".json"))
      .map((name) => [name, readFileSync(join(cells, name), "utf8")]),
  );
}
