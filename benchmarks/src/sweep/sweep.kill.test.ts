import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { EvaluationRecord } from "../records/record.ts";
import { readRecords } from "../records/record-file.ts";
import { runToySweep } from "./toy-sweep.test-support.ts";

const KILLS = 10;
const SWEEP = `
evaluate: { networks: [convnet1-w8, mlp], protocols: dc-e4-v1, seeds: 0-1 }
grid:
  methods: { method: toy, config: { iterations: 30 } }
  datasets: toy
  ipc: [1, 2]
  seeds: 0-1
  full: { networks: convnet1-w8, protocols: dc-e2-v1, seeds: 0-1 }
`;

test("killed at ten random moments, a finished sweep has the records of an undisturbed one", async () => {
  const root = mkdtempSync(join(tmpdir(), "limbeck-sweep-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const file = join(root, "sweep.yaml");
  writeFileSync(file, SWEEP);
  const undisturbed = await runToySweep(file, { folder: join(root, "undisturbed") });
  expect(undisturbed.failed).toEqual([]);
  expect(undisturbed.records).toHaveLength(9);

  const folder = join(root, "killed");
  const all = join(root, "all.jsonl");
  const kills: string[] = [];
  while (kills.length < KILLS) {
    const { child, planned, closed } = startSweep(file, folder, all);
    const delay = randomInt(0, 250);
    await planned;
    await sleep(delay);
    child.kill("SIGKILL");
    await closed;
    kills.push(`${delay} ms`);
  }
  const { failed } = await runToySweep(file, { folder, records: all });
  expect(failed, kills.join(", ")).toEqual([]);
  const expected = undisturbed.records.map(lasting);
  expect(readRecords(join(folder, "records.jsonl")).map(lasting), kills.join(", ")).toEqual(expected);
  expect(readRecords(all).map(lasting), kills.join(", ")).toEqual(expected);
  const parts = readdirSync(folder, { recursive: true }).filter((name) => String(name).endsWith(".part"));
  expect({ parts, work: readdirSync(join(folder, "work")) }).toEqual({ parts: [], work: [] });
  // Nothing is computed or recorded again.
  const before = readFileSync(all, "utf8");
  await runToySweep(file, { folder, records: all });
  expect(readFileSync(all, "utf8")).toBe(before);
}, 240_000);

/** A record without what differs from run to run. */
function lasting({ seconds: _seconds, date: _date, ...rest }: EvaluationRecord): unknown {
  return rest;
}

/** Starts the sweep in a process of its own. `planned` resolves when its first cell may begin, or it ended. */
function startSweep(file: string, folder: string, records: string) {
  const at = new URL("./toy-sweep.test-support.ts", import.meta.url).href;
  const script = `
    import { runToySweep } from ${JSON.stringify(at)};
    const onEvent = ({ kind }) => kind === "plan" && console.log(kind);
    await runToySweep(${JSON.stringify(file)}, { ...${JSON.stringify({ folder, records })}, onEvent });`;
  const args = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", script];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  // Listened for from the start: a sweep that has little left to do may end before it is killed.
  const closed = once(child, "close");
  return { child, closed, planned: Promise.race([once(child.stdout, "data"), closed]) };
}
