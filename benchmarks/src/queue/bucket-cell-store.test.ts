import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, DataError, hashSyntheticSet, RunError, useBackend, writeSet } from "@limbeck/core";
import { toySet } from "@limbeck/core/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { cellId, type DistillCell } from "../sweep/cell.ts";
import { runSweep } from "../sweep/run-sweep.ts";
import { planToySweep, toyCatalogue } from "../sweep/toy-sweep.test-support.ts";
import { createCellRunner } from "../sweep/cell-runner.ts";
import { planCells } from "../sweep/sweep-plan.ts";
import { bucketCellStore } from "./bucket-cell-store.ts";
import { openCellStore } from "./open-cell-store.ts";
import { startBucketServer, type BucketServer } from "./testing/bucket-server.ts";

// Against a small server of our own that speaks the calls a store makes: no S3-compatible server is at hand in tests.
let server: BucketServer;
let root: string;
beforeAll(async () => {
  await useBackend("cpu");
  server = await startBucketServer();
  root = mkdtempSync(join(tmpdir(), "limbeck-bucket-"));
  vi.stubEnv("AWS_ENDPOINT_URL_S3", server.endpoint);
  vi.stubEnv("AWS_REGION", "eu-central-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "known");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "hunter2");
});
beforeEach(() => server.objects.clear());
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.close();
  rmSync(root, { recursive: true });
});

function cell(seed: number): DistillCell {
  return {
    kind: "distill",
    method: "toy",
    config: { ipc: 2 },
    dataset: { open: "toy", sha256: "0" },
    seed,
    engine: { backend: "cpu", precision: "highest", threads: 1 },
  };
}

async function made(seed: number): Promise<{ folder: string; hash: string }> {
  const folder = join(root, `work-${seed}`);
  mkdirSync(folder);
  const set = toySet({ seed });
  await writeSet(join(folder, "set.arrow"), set);
  writeFileSync(join(folder, "events.jsonl"), "{}\n");
  return { folder, hash: hashSyntheticSet(set) };
}

describe("bucketCellStore", () => {
  test("keeps outcomes and sets; the first outcome of a cell stays, and the local folder goes", async () => {
    const store = await openCellStore("s3://sets/sweeps/one");
    const id = cellId(cell(1));
    expect(await store.outcome(id)).toBeUndefined();
    const first = await made(1);
    await store.finish(cell(1), { kind: "set", hash: first.hash, seconds: 3 }, first.folder);
    expect(existsSync(first.folder)).toBe(false);
    const second = await made(2);
    await store.finish(cell(1), { kind: "set", hash: second.hash, seconds: 4 }, second.folder);
    expect(await store.outcome(id)).toEqual({ kind: "set", hash: first.hash, seconds: 3 });
    expect(await store.set(id)).toEqual(toySet({ seed: 1 }));
    expect([...server.objects.keys()].filter((key) => !key.includes(`cells/${id}`)).sort()).toEqual([
      `sweeps/one/outcomes/${id}.json`,
      "sweeps/one/store.json",
    ]);
    // The outcome is written last: before it nothing of the cell counts.
    const puts = server.requests.filter((request) => request.startsWith("PUT"));
    expect(puts.findLast((request) => request.includes(id))).toBe(`PUT sweeps/one/outcomes/${id}.json`);
  });

  test("lists over several pages", async () => {
    const store = await bucketCellStore({ bucket: "sets", prefix: "" });
    for (const seed of [11, 12, 13, 14, 15]) {
      const { folder, hash } = await made(seed);
      await store.finish(cell(seed), { kind: "set", hash, seconds: 1 }, folder);
    }
    expect([...(await store.finished())].sort()).toEqual(
      [11, 12, 13, 14, 15].map((seed) => cellId(cell(seed))).sort(),
    );
  });

  test("serves a sweep's cells, evaluations of stored sets too", async () => {
    const file = join(root, "sweep.yaml");
    writeFileSync(
      file,
      "evaluate: { networks: mlp, protocols: dc-e2-v1, seeds: 0 }\n" +
        "grid: { methods: { method: toy, config: { iterations: 3 } }, datasets: toy, ipc: 1 }\n",
    );
    const plan = await planToySweep(file);
    const store = await openCellStore("s3://sets");
    const runner = createCellRunner({
      catalogue: toyCatalogue,
      store,
      work: join(root, "work"),
      prepared: join(root, "prepared"),
    });
    for (const each of planCells(plan)) await runner(each);
    const here = await runSweep(plan, {
      folder: join(root, "here"),
      runner: (places) => createCellRunner({ catalogue: toyCatalogue, ...places }),
    });
    const outcome = await store.outcome(cellId(planCells(plan)[1]!));
    expect(outcome).toMatchObject({ kind: "record", record: { accuracy: here.records[0]!.accuracy } });
  });

  test("names the bucket and no secret when it cannot be used", async () => {
    const fault = async (place: string): Promise<string> => {
      const error: unknown = await openCellStore(place).catch((cause: unknown) => cause);
      expect(error instanceof RunError || error instanceof ConfigError || error instanceof DataError).toBe(
        true,
      );
      expect((error as Error).message).not.toContain("hunter2");
      return (error as Error).message;
    };
    const messages = [await fault("s3://other"), await fault("s3:/x"), await fault("s3://")];
    server.objects.set("old/store.json", Buffer.from('{"format": 99}'));
    messages.push(await fault("s3://sets/old"));
    vi.stubEnv("AWS_ACCESS_KEY_ID", "stranger");
    messages.push(await fault("s3://sets"));
    vi.stubEnv("AWS_ACCESS_KEY_ID", "known");
    expect(messages).toMatchInlineSnapshot(`
      [
        "s3://other/: wanted a bucket that can be read and written, got NoSuchBucket: NoSuchBucket; check its name, AWS_ENDPOINT_URL_S3, AWS_REGION and the credentials",
        "--store: wanted a folder or s3://BUCKET/PREFIX, got s3:/x",
        "--store: wanted a folder or s3://BUCKET/PREFIX, got s3://",
        "s3://sets/old/store.json: the store has format 99, this version writes 1; choose another folder, or go on with the version that made it",
        "s3://sets/: wanted a bucket that can be read and written, got AccessDenied: AccessDenied; check its name, AWS_ENDPOINT_URL_S3, AWS_REGION and the credentials",
      ]
    `);
  });
});
