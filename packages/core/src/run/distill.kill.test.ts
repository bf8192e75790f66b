import { spawn, type ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readSet } from "../artifact/read-set.ts";
import { useBackend } from "../engine/engine.ts";
import { hashSyntheticSet } from "../synthetic/hash-set.ts";
import { toyDataset } from "../testing/toy-dataset.ts";
import { toyMethod } from "../testing/toy-method.ts";
import { distill } from "./distill.ts";
import { readRun } from "./run-folder.ts";

/** Large enough that a good part of the time goes into checkpoints: 1.2 MB each, after every step. */
const dataset = { shape: [16, 16, 3], perClass: 64 } as const;
const config = { ipc: 64, iterations: 16 } as const;

let root: string;
let expected: { readonly hash: string; readonly losses: readonly number[] };

beforeAll(async () => {
  await useBackend("cpu");
  const losses: number[] = [];
  const run = distill(toyMethod, toyDataset(dataset), { config });
  for await (const event of run) if (event.kind === "step") losses.push(event.loss);
  expected = { hash: hashSyntheticSet(await run.result), losses };
});
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "limbeck-kill-"));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

// Processes start slowly on a machine that is busy with other tests.
describe("a run in another process", { timeout: 240_000 }, () => {
  it("killed at random moments and resumed ends with the same bits as an undisturbed one", async () => {
    const directory = join(root, "run");
    const kills: string[] = [];
    let reached = 0;
    for (;;) {
      const child = startRun(directory);
      const target = kills.length < 4 ? reached + randomInt(1, 5) : Infinity;
      const delay = randomInt(0, 20);
      const ended = closed(child);
      const errors = textOf(child.stderr!);
      for await (const line of createInterface({ input: child.stdout! })) {
        reached = Math.max(reached, Number(line));
        if (reached < target || child.killed) continue;
        await sleep(delay);
        child.kill("SIGKILL");
        kills.push(`step ${target} + ${delay} ms`);
      }
      const { code, signal } = await ended;
      if (signal !== "SIGKILL") expect(code, await errors).toBe(0);
      if (code === 0) break;
    }
    expect(kills.length, kills.join(", ")).toBeGreaterThan(1);
    expectUndisturbed(directory, kills.join(", "));
  });

  it.runIf(process.platform !== "win32")(
    "on a full disk stops with one message, nothing half-written, and goes on when there is room",
    async () => {
      const directory = join(root, "run");
      // The limit on the size of a file stands in for the disk: the same failing write, after a part of it went through.
      const child = startRun(directory, 500);
      const [errors, { code }] = await Promise.all([textOf(child.stderr!), closed(child)]);
      expect(code).toBe(1);
      expect(errors).toBe(
        `RunError: ${join(directory, "checkpoint")}: could not be written (EFBIG): ` +
          `the file would pass the size limit of this process (ulimit -f); raise it and resume\n`,
      );
      expect(fs.readdirSync(directory).sort()).toEqual(["config.json", "events.jsonl"]);
      const rest = startRun(directory);
      rest.stdout!.resume();
      const [restErrors, { code: restCode }] = await Promise.all([textOf(rest.stderr!), closed(rest)]);
      expect(restCode, restErrors).toBe(0);
      expectUndisturbed(directory, "full disk");
    },
  );
});

function expectUndisturbed(directory: string, why: string): void {
  expect(hashSyntheticSet(readSet(join(directory, "set.arrow"))), why).toBe(expected.hash);
  const losses = readRun(directory).events.flatMap((event) => (event.kind === "step" ? [event.loss] : []));
  expect(losses, why).toEqual(expected.losses);
  expect(fs.readdirSync(directory).sort(), why).toEqual([
    "checkpoint",
    "config.json",
    "events.jsonl",
    "preview.png",
    "set.arrow",
  ]);
}

/**
 * Starts or resumes the run in a process of its own, which prints the number of each finished step.
 *
 * @param limit Largest file it may write, in the units of `ulimit -f`.
 */
function startRun(directory: string, limit?: number): ChildProcess {
  const at = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const options = { config, directory, resume: true, checkpointEvery: { steps: 1 } };
  const script = `
    import { useBackend } from ${at("../engine/engine.ts")};
    import { toyDataset } from ${at("../testing/toy-dataset.ts")};
    import { toyMethod } from ${at("../testing/toy-method.ts")};
    import { distill } from ${at("./distill.ts")};
    await useBackend("cpu");
    try {
      for await (const event of distill(toyMethod, toyDataset(${JSON.stringify(dataset)}), ${JSON.stringify(options)})) {
        if (event.kind === "step") console.log(event.step);
      }
    } catch (error) {
      console.error(error.name + ": " + error.message);
      process.exitCode = 1;
    }`;
  const args = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", script];
  const stdio = ["ignore", "pipe", "pipe"] as const;
  if (limit === undefined) return spawn(process.execPath, args, { stdio: [...stdio] });
  const limited = `trap "" XFSZ; ulimit -f ${limit}; exec "$0" "$@"`;
  return spawn("sh", ["-c", limited, process.execPath, ...args], { stdio: [...stdio] });
}

async function closed(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  return { code, signal };
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}
