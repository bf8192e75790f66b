import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { normalisePixels, useBackend, writeSet, type Normalisation } from "@limbeck/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { nearestReal } from "./nearest-real.ts";
import { packImages } from "./pack.ts";
import { inertJson } from "./render-page.ts";
import { reportMemory } from "./report-memory.ts";
import { distillCommand, evaluateCommand } from "./repeat-command.ts";
import {
  collectToy,
  keepState,
  neutralRecords,
  recordLine,
  scoredSet,
  temporaryFolder,
  toyReal,
  toyRealSet,
  whitenedSet,
  writeEverything,
  writeRun,
} from "./testing/report-folder.ts";

import { untrainableLabels } from "./training-material.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => void (folder = temporaryFolder()));
afterEach(() => folder.remove());

const at = (...names: string[]): string => join(folder.path, ...names);

test("an empty folder and a path that is not there are one message each", async () => {
  await expect(collectToy(folder.path)).rejects.toThrow(
    /^report: .*: wanted runs, sweeps, sets or records, got none; make some with `limbeck distill` or `limbeck sweep`$/,
  );
  await expect(collectToy(at("nowhere"))).rejects.toThrow(/nowhere does not exist; check the path$/);
});

test("torn lines, foreign lines and older records hide no other record", async () => {
  const old = {
    method: "dm",
    dataset: "toy",
    ipc: 2,
    network: "convnet3",
    protocol: "dsa-v0",
    accuracy: [30],
  };
  writeFileSync(
    at("records.jsonl"),
    `${recordLine()}{"method":"d\n${JSON.stringify(old)}\n{"a":1}\n${recordLine({ method: "dc", future: 1 })}`,
  );
  appendFileSync(at("records.jsonl"), '{"method":');
  const { records, problems } = await collectToy(folder.path);
  expect(records.map(({ method, protocol }) => `${method} ${protocol}`)).toEqual([
    "dm dsa-v1",
    "dm dsa-v0",
    "dc dsa-v1",
  ]);
  expect(records[1]).toMatchObject({ backend: "unknown", seeds: [0], mean: 30, best: true });
  expect(records[1]).not.toHaveProperty("std");
  expect(problems.map(({ message }) => message)).toEqual([
    "lines 2, 6: cut off by a crash or no JSON; left out",
    expect.stringMatching(/^line 4: not a record \(method: .*\); left out$/) as string,
  ]);
});

test("the same record in a sweep's file and in its cell counts once", async () => {
  mkdirSync(at("cells", "id"), { recursive: true });
  const record = JSON.parse(recordLine()) as unknown;
  writeFileSync(at("cells", "id", "outcome.json"), JSON.stringify({ kind: "record", record }));
  writeFileSync(at("records.jsonl"), recordLine() + recordLine({ accuracy: [50, 51, 53] }));
  expect((await collectToy(folder.path)).records).toHaveLength(2);
});

test("differences to the best pair the seeds, and say whether they are real", async () => {
  writeFileSync(
    at("records.jsonl"),
    [
      recordLine({ method: "a", accuracy: [60, 62, 61] }),
      // 2 below, always: real. Its own spread does not matter.
      recordLine({ method: "b", accuracy: [58.1, 60, 58.9] }),
      // As low on average, but now above and now below.
      recordLine({ method: "c", accuracy: [61, 55, 61.5] }),
      recordLine({ method: "d", seeds: [7, 8], accuracy: [50, 50] }),
      recordLine({ method: "full", accuracy: [90, 90, 90] }),
      recordLine({ method: "e", network: "mlp", accuracy: [10, 10, 10] }),
    ].join(""),
  );
  const { records } = await collectToy(folder.path);
  const of = (name: string) => records.find(({ method }) => method === name)!;
  expect(of("a")).toMatchObject({ best: true, mean: 61 });
  expect(of("a").halfWidth).toBeCloseTo((4.302652729911275 * 1) / Math.sqrt(3), 9);
  expect(of("b").toBest).toMatchObject({ n: 3, real: true });
  expect(of("b").toBest!.mean).toBeCloseTo(-2, 9);
  expect(of("c").toBest).toMatchObject({ real: false });
  expect(of("d").toBest).toBeUndefined();
  expect(of("full")).toMatchObject({ best: false });
  expect(of("e").best).toBe(true);
});

test("images against labels: what was measured, DD-Ranking's scores, and what they still need", async () => {
  writeFileSync(at("records.jsonl"), recordLine() + neutralRecords());
  const [whole, ...others] = (await collectToy(folder.path)).labelComparisons;
  expect(others).toEqual([]);
  expect(whole).toMatchObject({
    method: "dm",
    ipc: 2,
    labels: "soft",
    missing: [],
    missingForAugmentation: [],
  });
  expect(whole!.cells.randomHard).toMatchObject({ mean: 32, n: 2 });
  expect(whole!.scores!.hlr.mean).toBeCloseTo(36, 9);
  expect(whole!.scores!.ior.mean).toBeCloseTo(15, 9);
  // β = ½·0.15 + ½·0.05 and ½·0.15 + ½·0.07.
  const ars = [0.1, 0.11].map((b) => (100 * (Math.exp(b) - Math.exp(-1))) / (Math.E - Math.exp(-1)));
  expect(whole!.scores!.ars!.mean).toBeCloseTo((ars[0]! + ars[1]!) / 2, 9);
  writeFileSync(at("records.jsonl"), recordLine({ protocol: "neutral-hard-v1", seeds: [0], accuracy: [50] }));
  const [part] = (await collectToy(folder.path)).labelComparisons;
  expect(part!.cells).toEqual({ setHard: { mean: 50, n: 1 } });
  expect(part).not.toHaveProperty("scores");
  expect(part!.missing).toEqual([
    "the set under neutral-v1",
    "the set under neutral-soft-v1",
    "random images under neutral-hard-v1",
    "random images under neutral-soft-v1",
    "the full data under neutral-hard-v1",
  ]);
});

test("a run that is half written, and one of a newer version", async () => {
  writeRun(at("half"), 4, { torn: true });
  writeRun(at("newer"), 1, { format: 9 });
  const { runs, problems } = await collectToy(folder.path);
  expect(runs).toHaveLength(1);
  expect(runs[0]).toMatchObject({ state: "unfinished", step: 4, steps: 10, seconds: 2, peakBytes: 1004 });
  expect(runs[0]!.curves).toEqual([
    { name: "loss", steps: [1, 2, 3, 4], values: [1, 0.5, 0.33333, 0.25] },
    { name: "mean", steps: [1, 2, 3, 4], values: [2, 1, 0.66667, 0.5] },
  ]);
  expect(problems[0]!.message).toContain("this version reads up to 1; update Limbeck");
});

test("a set: its images, its earlier states, the nearest real images, what training needs", async () => {
  await writeEverything(folder.path);
  const { sets, testImages, records } = await collectToy(folder.path);
  const [set] = sets;
  const source = toyRealSet();
  expect(sets).toHaveLength(1);
  expect(set).toMatchObject({
    size: 6,
    labelKind: "hard",
    labels: [0, 0, 1, 1, 2, 2],
    shown: [0, 1, 2, 3, 4, 5],
  });
  expect(records.filter((record) => record.set === set!.hash)).toHaveLength(2);
  // 16 bits give the pixels back to half a level.
  const { mean, std } = source.normalisation as Extract<Normalisation, { kind: "mean-std" }>;
  const values = unpacked(set!.images);
  const level = (set!.images.high - set!.images.low) / 65535;
  source.images.forEach((value, i) => {
    expect(Math.abs(values[i]! - (value * std[0]! + mean[0]!))).toBeLessThan(level);
  });
  expect(set!.evolution.map(({ step }) => step)).toEqual([2, source.provenance.iterations]);
  expect(set!.nearest).toMatchObject({ searched: toyReal().train.size });
  expect(set!.training).toMatchObject({
    protocol: "start-v1",
    test: 0,
    networks: ["convnet3-w32", "convnet3-w64", "convnet3"],
  });
  expect(set!.training!.random.labels).toEqual([0, 0, 1, 1, 2, 2]);
  expect(testImages).toEqual([expect.objectContaining({ of: toyReal().test.size })]);
  expect(testImages[0]!.labels).toHaveLength(12);
});

test("a whitened set brings whitened images: its own, random ones and the test images", async () => {
  const set = await whitenedSet(toyReal());
  await writeSet(at("set.arrow"), set);
  const { sets, whitenedTests, testImages } = await collectToy(folder.path);
  const { input, random, test: position, whitenedTest } = sets[0]!.training!;
  const values = unpacked((input as Extract<typeof input, { kind: "whitened" }>).images);
  set.images.forEach((value, i) => expect(values[i]!).toBeCloseTo(value, 3));
  // The random images are drawn as the harness draws them: here the set is such a draw itself.
  expect(unpacked(random.images)).toEqual(values);
  const pixels = new Uint8Array(gunzipSync(Buffer.from(testImages[position]!.images, "base64")));
  const wanted = normalisePixels(pixels, set.shape, set.normalisation);
  const { bytes, low, high } = whitenedTests[whitenedTest!]!;
  const levels = gunzipSync(Buffer.from(bytes, "base64"));
  wanted.dataSync().forEach((value, i) => {
    expect(Math.abs(low + (levels[i]! * (high - low)) / 255 - value)).toBeLessThan((high - low) / 255);
  });
  wanted.dispose();
});

test("labels that the page cannot train on say so, with the command that can", async () => {
  const set = await scoredSet();
  const labels = set.labels as Extract<typeof set.labels, { kind: "views" }>;
  expect(untrainableLabels(set, "x/set.arrow")).toBeUndefined();
  const plan = { size: 6, batchSize: 6, epochs: 1, seed: 0, augmentation: "none" };
  const views = { kind: "augmented", plan, stored: { count: 1, draw: "order" } } as const;
  const header = { ...labels.views.header, views };
  expect(
    untrainableLabels({ ...set, labels: { ...labels, views: { ...labels.views, header } } }, "x/set.arrow"),
  ).toBe(
    "Its labels (72 bytes, float32) belong to the augmented views of one certain training, which the page does not repeat; " +
      "limbeck evaluate x/set.arrow --network convnet3 --protocol sre2l-v1 --seeds 0,1,2 does.",
  );
});

test("a set that is forming: the last state that its run kept, and the ones before", async () => {
  const run = at("run");
  writeRun(run, 6);
  const opened: string[] = [];
  const memory = reportMemory();
  const collect = () =>
    collectToy(folder.path, {
      memory,
      openDataset: (name) => {
        opened.push(name);
        return Promise.resolve(toyReal());
      },
    });
  await keepState(run, 2);
  await keepState(run, 4);
  const first = (await collect()).sets;
  expect(first).toHaveLength(1);
  expect(first[0]).toMatchObject({ forming: true, iterations: 4 });
  expect(first[0]!.evolution.map(({ step }) => step)).toEqual([2, 4]);
  expect(first[0]).not.toHaveProperty("nearest");
  expect(first[0]).not.toHaveProperty("training");
  await keepState(run, 6);
  const [later] = (await collect()).sets;
  expect(later!.evolution.map(({ step }) => step)).toEqual([2, 4, 6]);
  expect(later!.id).toBe(first[0]!.id);
  await writeSet(join(run, "set.arrow"), {
    ...toyRealSet(),
    provenance: { ...toyRealSet().provenance, iterations: 8 },
  });
  const [finished] = (await collect()).sets;
  expect(finished).toMatchObject({ forming: false, id: first[0]!.id, nearest: { searched: 36 } });
  expect(finished!.evolution.map(({ step }) => step)).toEqual([2, 4, 6, 8]);
  // What did not change is not read again.
  expect((await collect()).sets[0]!.images).toBe(finished!.images);
  expect(opened).toEqual([toyReal().name]);
});

test("a set without its real data shows its images only; a damaged one is told", async () => {
  await useBackend("auto", { threads: 1 });
  await writeSet(at("set.arrow"), toyRealSet(2, "soft"));
  writeFileSync(at("bad.arrow"), "ARROW1 and then nothing");
  const { sets, problems, testImages } = await collectToy(folder.path, {
    openDataset: () => Promise.resolve(undefined),
  });
  expect(sets).toHaveLength(1);
  expect(sets[0]).not.toHaveProperty("training");
  expect(sets[0]).not.toHaveProperty("nearest");
  expect(sets[0]!.soft!.count).toBe(6);
  expect(testImages).toEqual([]);
  expect(problems[0]!.message).toContain("truncated");
});

test("long texts are cut, and no text ends the element it stands in", async () => {
  writeFileSync(at("r.jsonl"), recordLine({ method: "x".repeat(10_000_000), machine: "</script><!--" }));
  const data = await collectToy(folder.path);
  expect(data.records[0]!.method).toBe(`${"x".repeat(300)}… (10000000 characters)`);
  const json = inertJson(data);
  expect(json.length).toBeLessThan(10_000);
  expect(json).not.toContain("<");
  expect(JSON.parse(json)).toEqual(data);
});

test("nearest real image: of the same class, by squared distance", () => {
  const pixels = Uint8Array.from([0, 0, 255, 255, 100, 100, 200, 200]);
  const split = {
    size: 4,
    labels: Int32Array.from([0, 1, 0, 1]),
    read: (indices: ArrayLike<number>) =>
      Uint8Array.from(Array.from(indices).flatMap((i) => [...pixels.subarray(2 * i, 2 * i + 2)])),
  };
  const queries = Float32Array.from([0.9, 0.9, 0.85, 0.8, 0, 0.1]);
  expect(nearestReal(queries, [0, 1, 0], 2, split)).toEqual({ positions: [2, 3, 0], searched: 4 });
});

test("8 bits keep the range, and what is not finite becomes black", () => {
  const packed = packImages(Float32Array.from([-1, 0, Number.NaN, 2]), 1, 8);
  expect(packed).toMatchObject({ low: -1, high: 2, bits: 8 });
  expect([...gunzipSync(Buffer.from(packed.bytes, "base64"))]).toEqual([0, 85, 85, 255]);
});

test("commands spell out the configuration, as one word each", () => {
  expect(
    distillCommand({
      dataset: "my data",
      method: "dm",
      zca: true,
      seed: 3,
      config: { ipc: 2, a: { b: "it's" } },
    }),
  ).toBe(`limbeck distill 'my data' --method dm --zca --seed 3 --set ipc=2 --set 'a.b="it'\\''s"'`);
  expect(evaluateCommand("runs/x/set.arrow", { network: "mlp", protocol: "dc-v1", seeds: [0, 2] })).toBe(
    "limbeck evaluate runs/x/set.arrow --network mlp --protocol dc-v1 --seeds 0,2",
  );
});

function unpacked({ bytes, low, high }: { bytes: string; low: number; high: number }): number[] {
  const raw = gunzipSync(Buffer.from(bytes, "base64"));
  const half = raw.length / 2;
  return Array.from(
    { length: half },
    (_, i) => low + ((raw[i]! * 256 + raw[half + i]!) * (high - low)) / 65535,
  );
}
