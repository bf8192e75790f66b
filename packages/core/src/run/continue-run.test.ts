import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { readSet } from "../artifact/read-set.ts";
import { useBackend } from "../engine/engine.ts";
import { ConfigError, InterruptedError } from "../errors.ts";
import { hashSyntheticSet } from "../synthetic/hash-set.ts";
import { toyDataset } from "../testing/toy-dataset.ts";
import { toyMethod } from "../testing/toy-method.ts";
import { distill } from "./distill.ts";
import type { DistillOptions } from "./distill-options.ts";
import { keptSetPath, readRun } from "./run-folder.ts";

const dataset = toyDataset();
const ipc = 2;
let root: string;
let short: string;
let long: string;
/** Hash after 12 steps in one go. */
let undisturbed: string;

beforeAll(async () => {
  await useBackend("cpu");
  undisturbed = hashSyntheticSet(
    await distill(toyMethod, dataset, { config: { ipc, iterations: 12 } }).result,
  );
});
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "limbeck-continue-"));
  short = join(root, "short");
  long = join(root, "long");
});
afterEach(() => fs.rmSync(root, { recursive: true }));

type Options = Omit<DistillOptions<{ ipc: number; iterations?: number }>, "config">;

const run = (iterations: number, options: Options) =>
  distill(toyMethod, dataset, { config: { ipc, iterations }, ...options }).result;

/** Relative path and bytes of every file of a folder. */
function contentOf(folder: string): [string, string][] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path, fs.readFileSync(path, "base64")]);
}

it("a finished run goes on to more steps with the bits of a run in one go", async () => {
  await run(7, { directory: short, keepEvery: 3 });
  const before = contentOf(short);
  const set = await run(12, { directory: long, continueFrom: short });
  expect(hashSyntheticSet(set)).toBe(undisturbed);
  expect(set.provenance).toMatchObject({ iterations: 12, config: { iterations: 12 } });
  expect(contentOf(short)).toEqual(before);

  const { config, events } = readRun(long);
  expect(config).toMatchObject({ steps: 12, continues: { step: 7, commit: readRun(short).config.commit } });
  const steps = events.flatMap((event) => (event.kind === "step" ? [event.step] : []));
  expect(steps).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
  expect(events.filter(({ kind }) => kind === "done")).toHaveLength(1);
  expect(events.flatMap((event) => (event.kind === "start" ? [event.step] : []))).toEqual([0, 7]);
  expect(fs.readdirSync(join(long, "sets"))).toEqual([3, 6, 7].map((step) => `step-00000${step}.arrow`));
  expect(readSet(keptSetPath(long, 7)).provenance.iterations).toBe(7);
});

it("the longer run needs the shorter one no more, wherever it is stopped", async () => {
  await run(7, { directory: short });
  const controller = new AbortController();
  const first = distill(toyMethod, dataset, {
    config: { ipc, iterations: 12 },
    directory: long,
    continueFrom: short,
    signal: controller.signal,
  });
  for await (const event of first) if (event.kind === "step" && event.step === 9) controller.abort();
  await expect(first.result).rejects.toThrow(InterruptedError);
  fs.rmSync(short, { recursive: true });
  expect(hashSyntheticSet(await run(12, { directory: long, resume: true, continueFrom: short }))).toBe(
    undisturbed,
  );
});

it("killed while it takes over, it takes over again", async () => {
  await run(7, { directory: short });
  await run(12, { directory: long, continueFrom: short });
  // As after a kill between the log and the checkpoint.
  fs.rmSync(join(long, "checkpoint"), { recursive: true });
  fs.rmSync(join(long, "set.arrow"));
  fs.truncateSync(join(long, "events.jsonl"), 100);
  expect(hashSyntheticSet(await run(12, { directory: long, resume: true, continueFrom: short }))).toBe(
    undisturbed,
  );
});

it("refuses what would not be the same run, and writes nothing", async () => {
  await run(7, { directory: short });
  const refused = async (iterations: number, options: Options, message: RegExp): Promise<void> => {
    await expect(run(iterations, { directory: long, continueFrom: short, ...options })).rejects.toThrow(
      message,
    );
    expect(fs.existsSync(long)).toBe(false);
  };
  await refused(
    12,
    { seed: 1 },
    /differs in iterations alone, got one that differs in seed \(0 there, 1 here\)/,
  );
  await refused(6, {}, /short: is at step 7, past the 6 of the run that is to continue it; ask for more/);
  await refused(
    12,
    { continueFrom: join(root, "none") },
    /none: wanted a run folder, config.json is missing/,
  );
  fs.rmSync(join(short, "checkpoint"), { recursive: true });
  await refused(
    12,
    {},
    /short: wanted a run with a checkpoint to continue from, it has none yet; start anew/,
  );
});

it("a run from before an option was there has the option's default", async () => {
  await run(7, { directory: short });
  const path = join(short, "config.json");
  const stored = JSON.parse(fs.readFileSync(path, "utf8")) as { config: Record<string, unknown> };
  const { momentum, ...older } = stored.config;
  expect(momentum).toBe(0.5);
  fs.writeFileSync(path, JSON.stringify({ ...stored, config: older }));
  const other = distill(toyMethod, dataset, {
    config: { ipc, iterations: 12, momentum: 0.6 },
    directory: long,
    continueFrom: short,
  });
  await expect(other.result).rejects.toThrow(/differs in config\.momentum \(0\.5 there, 0\.6 here\)/);
  expect(hashSyntheticSet(await run(12, { directory: long, continueFrom: short }))).toBe(undisturbed);
  // Its own folder too, with its own provenance.
  fs.rmSync(join(short, "set.arrow"));
  const set = await run(7, { directory: short, resume: true });
  expect(set.provenance.config).toEqual({ ...older, iterations: 7 });
});

it("needs a folder, and a method whose steps do not depend on their number", () => {
  expect(() => run(12, { continueFrom: short })).toThrow(
    new ConfigError("distill: continueFrom needs a directory for the longer run"),
  );
  const { openEnded: _, ...planned } = toyMethod;
  const options = { config: { ipc, iterations: 12 }, directory: long, continueFrom: short };
  expect(() => distill(planned, dataset, options)).toThrow(
    "distill: toy plans its steps by their number, so that no longer run begins as a shorter one did; start it anew",
  );
});
