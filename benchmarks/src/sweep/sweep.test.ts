import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { liveTensors, lockRunFolder, writeSet } from "@limbeck/core";
import { toyDataset } from "@limbeck/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { randomSubset } from "../accuracy/random-subset.ts";
import { readRecords } from "../records/record-file.ts";
import { cellId, cellNeeds, cellSchema, type DistillCell } from "./cell.ts";
import { folderCellStore } from "./cell-store.ts";
import { forecastSweep } from "./forecast-sweep.ts";
import type { SweepEvent } from "./run-sweep.ts";
import { planCells, shardOf } from "./sweep-plan.ts";
import { planToySweep, runToySweep, toyCatalogue } from "./toy-sweep.test-support.ts";

let root: string;
let file: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "limbeck-sweep-"));
  file = join(root, "sweep.yaml");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(text: string): string {
  writeFileSync(file, text);
  return file;
}

/** What planning refuses with, without the path. */
async function refusal(text: string): Promise<string> {
  try {
    await planToySweep(write(text));
  } catch (error) {
    // Lists that grow with the suite are left out.
    return (error as Error).message
      .replaceAll(`${file}, `, "")
      .replaceAll(/known: (convnet1|dc-v1|fashion-mnist).*/g, "known: …");
  }
  throw new Error("the sweep was accepted");
}

const SMALL = `
evaluate: { networks: convnet1-w8, protocols: [dc-e2-v1, dc-e3-v1], seeds: 0 }
grid:
  methods: { method: toy, config: { iterations: 5 } }
  datasets: toy
  ipc: [1, 2]
  seeds: 0-1
`;

describe("a sweep file", () => {
  test("tells everything that is wrong at once, with lines", async () => {
    expect(
      await refusal(`
evaluate:
  networks: [convnet3, convnex]
  protocols: dsa-v9
grid:
  methods:
    - toi
    - method: toy
      preset: smaple
    - method: toy
      config:
        iterations: many
        stepz: 3
  datasets: [toy, cifar11]
  ipc: [1]
  sedes: 0-2
`),
    ).toMatchInlineSnapshot(`
      "line 3: unknown network "convnex": no network is called "convnex"; known: …
      line 4: protocol: unknown "dsa-v9"; known: …
      line 7: unknown method "toi"; known: toy
      line 9: toy: unknown preset "smaple"; known: sample
      line 12: toy config: iterations: Invalid input: expected number, received string, got "many"
      line 13: toy config: Unrecognized key: "stepz"; known: ipc, iterations, learningRate, momentum, realBatch
      line 14: unknown data set "cifar11"; known: …
      line 16: unknown key "sedes"; known: methods, datasets, ipc, seeds, config, evaluate, full"
    `);
  });

  test.each([
    ["grid: [", /^line 1: Flow sequence in block collection/],
    ["grid: {methods: toy, datasets: toy, ipc: ten}", /^line 1: ipc: Invalid input: expected number/],
    ["name: nothing", "line 1: wanted grid, runs or sets, found none; nothing to do"],
    ["grid: {methods: toy, datasets: toy, ipc: 1, seeds: 3-1}", /^line 1: .*wanted seeds such as 0-4/],
    [
      "runs:\n  - { method: toy, dataset: toy, ipc: 13 }",
      /^line 2: toy: class "class 0" has 12 training images/,
    ],
    ["grid: 1\ngrid: 2", /^line 2: Map keys must be unique/],
  ])("%s", async (text, message) => {
    expect(await refusal(text)).toMatch(message);
  });

  test("cells are data with an id from what decides the outcome, and no cell twice", async () => {
    const plan = await planToySweep(
      write(`${SMALL}\nruns:\n  - { method: toy, dataset: toy, ipc: 1, config: { iterations: 5 } }\n`),
    );
    const cells = planCells(plan);
    expect(cells.map(({ kind }) => kind.slice(0, 1)).join("")).toBe("deedeedeedee");
    expect(new Set(cells.map(cellId)).size).toBe(cells.length);
    for (const cell of cells) expect(cellSchema.parse(JSON.parse(JSON.stringify(cell)))).toEqual(cell);
    const [distill, evaluate] = cells as [DistillCell, never];
    expect(distill.config).toEqual({
      ipc: 1,
      iterations: 5,
      learningRate: 0.2,
      momentum: 0.5,
      realBatch: 4,
    });
    expect(cellNeeds(evaluate)).toEqual([cellId(distill)]);
    const elsewhere = { ...distill, dataset: { ...distill.dataset, open: "/else/where" }, preset: "other" };
    expect(cellId(elsewhere)).toBe(cellId(distill));
    expect(cellId({ ...distill, seed: 7 })).not.toBe(cellId(distill));
    expect(cellId({ ...distill, engine: { ...distill.engine, threads: 9 } })).not.toBe(cellId(distill));
    const split = { ...distill, engine: { ...distill.engine, samplesAtOnce: 9 } };
    expect(cellId(split)).not.toBe(cellId(distill));
  });

  test("shards are whole groups and together the sweep", async () => {
    const plan = await planToySweep(write(SMALL));
    const ids = [1, 2, 3].flatMap((i) => planCells(shardOf(plan, i, 3)).map(cellId));
    expect(ids.sort()).toEqual(planCells(plan).map(cellId).sort());
  });

  test("whitening comes from the preset or the file, for the whole training split too", async () => {
    const plan = await planToySweep(
      write(`
grid:
  methods: [toy, { method: toy, zca: true }]
  datasets: toy
  ipc: 1
  full: { protocols: dc-e2-v1, zca: standardised }
`),
    );
    const whitened = planCells(plan).map(({ kind, dataset }) => [kind, dataset.zca]);
    expect(whitened).toEqual([
      ["distill", undefined],
      ["evaluate", undefined],
      ["distill", "pixels"],
      ["evaluate", "pixels"],
      ["evaluate", "standardised"],
    ]);
  });

  test("a module may stand for it", async () => {
    const path = join(root, "sweep.mjs");
    const sweep = { grid: { methods: "toy", datasets: "toy", ipc: 1, evaluate: { networks: "mlp" } } };
    writeFileSync(path, `export const sweep = ${JSON.stringify(sweep)};`);
    expect(planCells(await planToySweep(path))).toHaveLength(2);
    writeFileSync(path.replace(".mjs", "2.mjs"), `export const sweep = { grids: {}, runs: [{}] };`);
    await expect(planToySweep(path.replace(".mjs", "2.mjs"))).rejects.toThrow(
      /2\.mjs, runs\[0\]\.method: method: Invalid input[^]*2\.mjs, grids: unknown key "grids"; known: name, engine, evaluate, grid, runs, sets/,
    );
  });
});

describe("a sweep", () => {
  test("computes each cell once, in one folder for all sweeps, and leaves no tensor", async () => {
    const before = liveTensors();
    const folder = join(root, "out");
    const events: SweepEvent[] = [];
    const onEvent = (event: SweepEvent): void => void events.push(event);
    const first = await runToySweep(write(SMALL), { folder, onEvent });
    expect(liveTensors()).toBe(before);
    expect(first.records.map(({ ipc, seed, protocol }) => [ipc, seed, protocol])).toEqual(
      [1, 2].flatMap((ipc) => [0, 1].flatMap((seed) => ["dc-e2-v1", "dc-e3-v1"].map((p) => [ipc, seed, p]))),
    );
    expect(events.filter(({ kind }) => kind === "done")).toHaveLength(12);
    const wider = SMALL.replace("[1, 2]", "[1, 2, 3]");
    events.length = 0;
    const second = await runToySweep(write(wider), { folder, onEvent, jobs: 3 });
    expect(events.filter(({ kind }) => kind === "done")).toHaveLength(6);
    expect(second.records.slice(0, 8)).toEqual(first.records);
    expect(readRecords(join(folder, "records.jsonl"))).toEqual(second.records);
  });

  test("scores the whole training split and finished sets", async () => {
    const dataset = toyDataset({ shape: [8, 8, 1], perClass: 12 });
    await writeSet(join(root, "own.arrow"), randomSubset(dataset, 2, 5));
    const { records } = await runToySweep(
      write(`
sets:
  - { file: own.arrow, dataset: toy, evaluate: { networks: convnet1-w8, protocols: dc-e2-v1, seeds: 3 } }
grid:
  methods: toy
  datasets: toy
  ipc: 1
  evaluate: { networks: convnet1-w8, protocols: dc-e2-v1, seeds: 0 }
  full: { networks: convnet1-w8, protocols: dc-e2-v1, seeds: 0-1 }
`),
      { folder: join(root, "out") },
    );
    expect(records.map(({ method, seeds, ipc }) => [method, seeds, ipc])).toEqual([
      ["toy", [0], 1],
      ["full", [0, 1], 12],
      ["random", [3], 2],
    ]);
  });

  test("goes on where a cell fails, says why, and tries it again on request", async () => {
    const folder = join(root, "out");
    const diverging = SMALL.replace("seeds: 0-1", "seeds: 0").replace(
      "methods: { method: toy, config: { iterations: 5 } }",
      "methods: [{ method: toy, config: { iterations: 200, learningRate: 1e30 } }, toy]",
    );
    const first = await runToySweep(write(diverging), { folder });
    expect(first.records).toHaveLength(4);
    expect(first.failed.map(({ title, message }) => `${title}: ${message.slice(0, 40)}`))
      .toMatchInlineSnapshot(`
      [
        "toy toy ipc 1 seed 0: toy step 2 of 200: term "mean" of the lo",
        "toy toy ipc 1 seed 0: convnet1-w8, dc-e2-v1: its distillation failed",
        "toy toy ipc 1 seed 0: convnet1-w8, dc-e3-v1: its distillation failed",
        "toy toy ipc 2 seed 0: toy step 2 of 200: term "mean" of the lo",
        "toy toy ipc 2 seed 0: convnet1-w8, dc-e2-v1: its distillation failed",
        "toy toy ipc 2 seed 0: convnet1-w8, dc-e3-v1: its distillation failed",
      ]
    `);
    const events: SweepEvent[] = [];
    const onEvent = (event: SweepEvent): void => void events.push(event);
    await runToySweep(file, { folder, onEvent });
    expect(events.map((event) => (event.kind === "failed" ? event.before : event.kind))).toEqual([
      "plan",
      true,
      true,
    ]);
    events.length = 0;
    await runToySweep(file, { folder, onEvent, retryFailed: true });
    expect(events.filter(({ kind }) => kind === "begin")).toHaveLength(2);
  });

  test("interrupted, it keeps what is finished and appends no record", async () => {
    const folder = join(root, "out");
    const stop = new AbortController();
    let done = 0;
    const onEvent = ({ kind }: SweepEvent): void => {
      if (kind === "done" && ++done === 5) stop.abort();
    };
    await expect(runToySweep(write(SMALL), { folder, signal: stop.signal, onEvent })).rejects.toThrow(
      "sweep: interrupted; what is finished is kept, the same command goes on",
    );
    expect(() => readRecords(join(folder, "records.jsonl"))).toThrow();
    done = -100;
    const { records } = await runToySweep(file, { folder, onEvent });
    expect({ again: done + 100, records: records.length }).toEqual({ again: 7, records: 8 });
  });

  test("what a process left half-written when it was killed at a cell's end is not kept", async () => {
    const plan = await planToySweep(write(SMALL));
    const [cell] = planCells(plan) as [DistillCell];
    const made = join(root, "made");
    mkdirSync(made);
    writeFileSync(join(made, "outcome.json.elsewhere-1.part"), "{");
    const store = folderCellStore(join(root, "out"));
    await store.finish(cell, { kind: "set", hash: "a", seconds: 1 }, made);
    expect(readdirSync(join(root, "out", "cells", cellId(cell))).sort()).toEqual([
      "cell.json",
      "outcome.json",
    ]);
    expect(await store.outcome(cellId(cell))).toEqual({ kind: "set", hash: "a", seconds: 1 });
  });

  test("refuses a folder that another sweep holds, and a store of another version", async () => {
    const folder = join(root, "out");
    mkdirSync(folder);
    const release = await lockRunFolder(folder);
    await expect(runToySweep(write(SMALL), { folder })).rejects.toThrow(/is writing this run folder/);
    release();
    writeFileSync(join(folder, "store.json"), '{"format":99}');
    await expect(runToySweep(file, { folder })).rejects.toThrow(
      `${join(folder, "store.json")}: the store has format 99, this version writes 1; ` +
        "choose another folder, or go on with the version that made it",
    );
  });

  test("tolerates and tells a torn line, and appends after it", async () => {
    const folder = join(root, "out");
    const records = join(root, "all.jsonl");
    appendFileSync(records, '{"method":"to');
    const notes: string[] = [];
    const onEvent = (event: SweepEvent): void => {
      if (event.kind === "note") notes.push(event.text);
    };
    await runToySweep(write(SMALL), { folder, records, onEvent });
    expect(notes).toEqual(["line 1 was torn off by a crash and is left out"]);
    expect(readRecords(records)).toHaveLength(8);
    expect(readFileSync(records, "utf8").split("\n")[0]).toBe('{"method":"to');
  });

  test("forecasts what is not finished", async () => {
    const plan = await planToySweep(write(SMALL));
    const whole = await forecastSweep(plan, toyCatalogue, new Set());
    expect(whole).toMatchObject({ cells: 12, finished: 0, bytes: { sets: 2 * 3 * 64 * 4 * 3, prepared: 0 } });
    const rest = await forecastSweep(plan, toyCatalogue, new Set(planCells(plan).map(cellId)));
    expect(rest).toMatchObject({ cells: 12, finished: 12, seconds: { prepare: 0, distill: 0, evaluate: 0 } });
  });
});
