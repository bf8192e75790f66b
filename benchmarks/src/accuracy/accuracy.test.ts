import "@tensorflow/tfjs-backend-cpu";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DataError,
  hashSyntheticSet,
  heldOutSplit,
  liveTensors,
  useBackend,
  type ImageDataset,
} from "@limbeck/core";
import { toyDataset, toyMethod } from "@limbeck/core/testing";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { protocolSchema } from "../protocol/protocol.ts";
import { protocolNamed } from "../protocol/protocols.ts";
import { readRecords } from "../records/record-file.ts";
import { benchmarkMethod } from "./benchmark-method.ts";
import { heldOutShare } from "./choose-set.ts";
import { evaluateCached } from "./evaluate-cached.ts";
import { evaluateSet, type EvaluationOptions } from "./evaluate-set.ts";
import { evaluateFullData } from "./full-data.ts";
import { randomSubset } from "./random-subset.ts";

beforeAll(() => useBackend("cpu"));

const dataset = toyDataset({ classes: 3, shape: [8, 8, 1], perClass: 12 });
const quick = protocolSchema.parse({
  ...protocolNamed("dc-v1"),
  name: "quick",
  recipe: {
    ...protocolNamed("dc-v1").recipe,
    epochs: 12,
    learningRate: 0.05,
    schedule: { kind: "constant" },
  },
});
const options: EvaluationOptions = { protocol: quick, network: "convnet1-w8", seeds: [3, 4] };

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "limbeck-accuracy-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test("a random subset holds real images of the right class, by seed", () => {
  const set = randomSubset(dataset, 2, 7);
  expect([...(set.labels.values as Int32Array)]).toEqual([0, 0, 1, 1, 2, 2]);
  const { normalisation } = dataset;
  if (normalisation.kind !== "mean-std") throw new Error("the toy set is standardised");
  const length = 8 * 8;
  const raw = dataset.train.read(Int32Array.from({ length: dataset.train.size }, (_, i) => i));
  for (let n = 0; n < set.size; n++) {
    const pixels = Uint8Array.from(set.images.subarray(n * length, (n + 1) * length), (value) =>
      Math.round(255 * (value * normalisation.std[0]! + normalisation.mean[0]!)),
    );
    const at = Array.from({ length: dataset.train.size }, (_, i) => i).filter((i) =>
      pixels.every((value, j) => value === raw[i * length + j]),
    );
    expect(at.map((i) => dataset.train.labels[i])).toContain(set.labels.values[n]);
  }
  expect(hashSyntheticSet(randomSubset(dataset, 2, 7))).toBe(hashSyntheticSet(set));
  expect(hashSyntheticSet(randomSubset(dataset, 2, 8))).not.toBe(hashSyntheticSet(set));
  expect(() => randomSubset(dataset, 13, 0)).toThrow(DataError);
});

test("an evaluation is repeatable, learns, and shuffled labels do not", async () => {
  const before = liveTensors();
  const set = randomSubset(dataset, 4, 0);
  const first = await evaluateSet(set, dataset, options);
  expect((await evaluateSet(set, dataset, options)).accuracy).toEqual(first.accuracy);
  expect(Math.min(...first.accuracy)).toBeGreaterThan(80);
  const values = set.labels.values.map((label) => (label + 1) % 3) as Int32Array;
  const wrong = await evaluateSet({ ...set, labels: { kind: "hard", values } }, dataset, options);
  expect(Math.max(...wrong.accuracy)).toBeLessThan(20);
  expect(liveTensors()).toBe(before);
});

test("the full-data bound learns from the stream of all images", async () => {
  const before = liveTensors();
  const { accuracy } = await evaluateFullData(dataset, { ...options, seeds: [1] });
  expect(accuracy[0]).toBeGreaterThan(90);
  expect(liveTensors()).toBe(before);
});

test.each<[string, Partial<ImageDataset>, RegExp]>([
  ["shape", { shape: [8, 8, 3] }, /image shape: \[8,8,1\] and \[8,8,3\]/],
  [
    "class names",
    { classes: ["class 0", "class 2", "class 1"] },
    /classes: 3 \(class 0, class 1, class 2\) and 3 \(/,
  ],
  [
    "normalisation",
    { normalisation: { kind: "mean-std", mean: [0.5], std: [0.3] } },
    /normalisation: mean \[0.5\], std \[0.25\] and mean \[0.5\], std \[0.3\]/,
  ],
])("a set is not scored on data of another %s", async (_, change, message) => {
  const set = randomSubset(dataset, 1, 0);
  await expect(evaluateSet(set, { ...dataset, ...change }, options)).rejects.toThrow(message);
});

test("seeds that are known are not evaluated again, finished evaluations are read", async () => {
  const path = folder();
  const set = randomSubset(dataset, 1, 0);
  const stop = new AbortController();
  const seen: number[] = [];
  const interrupted = evaluateCached(set, dataset, path, 0, {
    ...options,
    signal: stop.signal,
    onSeed(seed) {
      seen.push(seed);
      stop.abort();
    },
  });
  await expect(interrupted).rejects.toThrow("evaluate: interrupted after 1 of 2 networks");
  const onSeed = (seed: number): void => void seen.push(seed);
  const { record, cached } = await evaluateCached(set, dataset, path, 0, { ...options, onSeed });
  expect({ seen, cached }).toEqual({ seen: [3, 4], cached: false });
  expect(record.accuracy).toEqual((await evaluateSet(set, dataset, options)).accuracy);
  expect(await evaluateCached(set, dataset, path, 0, { ...options, onSeed })).toEqual({
    record,
    cached: true,
  });
  expect(seen).toEqual([3, 4]);
});

test("a benchmark evaluates along the way, and the curve's sets are those of shorter runs", async () => {
  const path = folder();
  const shared = { ...options, config: { ipc: 1, iterations: 6 }, seed: 5, records: join(path, "all.jsonl") };
  const long = await benchmarkMethod(toyMethod, dataset, {
    ...shared,
    folder: join(path, "long"),
    evaluateAt: [2, 9],
  });
  expect(long.records.map(({ config }) => config["iterations"])).toEqual([2, 6]);
  const short = await benchmarkMethod(toyMethod, dataset, {
    ...shared,
    config: { ipc: 1, iterations: 2 },
    folder: join(path, "short"),
  });
  expect(short.records[0]!.set).toBe(long.records[0]!.set);
  expect(short.records[0]!.config).toEqual(long.records[0]!.config);
  expect(readRecords(shared.records)).toHaveLength(3);
  const again = await benchmarkMethod(toyMethod, dataset, {
    ...shared,
    folder: join(path, "long"),
    evaluateAt: [2],
  });
  expect(again.records).toEqual(long.records);
  expect(readFileSync(shared.records, "utf8").trim().split("\n")).toHaveLength(3);
  await expect(
    benchmarkMethod(toyMethod, dataset, { ...shared, folder: join(path, "long"), evaluateAt: [4] }),
  ).rejects.toThrow(/the run went past step 4 without keeping the set/);
});

test("a set is chosen by held-out images: the best there is reported, whatever the test split says", async () => {
  const path = folder();
  const holding = {
    ...toyMethod,
    configSchema: toyMethod.configSchema.extend({ validationShare: z.number().default(0) }),
  };
  const config = { ipc: 1, iterations: 3, validationShare: 0.25 };
  const shared = { ...options, config, seed: 5, evaluateAt: [1], folder: path, choose: true } as const;
  const { records } = await benchmarkMethod(holding, dataset, {
    ...shared,
    records: join(path, "all.jsonl"),
  });
  const heldOut: ImageDataset = { ...dataset, test: heldOutSplit(dataset, 0.25) };
  const seeds = [1_000_000, 1_000_001];
  const means: number[] = [];
  for (const iterations of [1, 3]) {
    const { set } = await benchmarkMethod(holding, dataset, {
      ...options,
      config: { ...config, iterations },
      seed: 5,
      folder: join(path, `of-${iterations}`),
    });
    const { accuracy } = await evaluateSet(set, heldOut, { ...options, seeds });
    means.push((accuracy[0]! + accuracy[1]!) / 2);
  }
  expect(records).toHaveLength(1);
  expect(records[0]!.chosen).toEqual({ steps: [1, 3], validation: means, share: 0.25 });
  expect(records[0]!.config["iterations"]).toBe(means[1]! > means[0]! ? 3 : 1);
  expect(records[0]!.seeds).toEqual(options.seeds);
  expect(readRecords(join(path, "all.jsonl"))).toEqual(records);
  // Again: everything is known, nothing is appended.
  await benchmarkMethod(holding, dataset, { ...shared, records: join(path, "all.jsonl") });
  expect(readRecords(join(path, "all.jsonl"))).toEqual(records);
});

test("there must be held-out images and sets to choose among", async () => {
  const shared = { ...options, config: { ipc: 1, iterations: 3 }, choose: true };
  await expect(
    benchmarkMethod(toyMethod, dataset, { ...shared, evaluateAt: [1], folder: folder() }),
  ).rejects.toThrow(
    "choose: wanted at least two sets of a run that holds images out, got 2 and a method without validationShare; name steps with --evaluate-at and set validationShare, such as 0.05",
  );
  expect(() => heldOutShare({ validationShare: 0 }, 2)).toThrow("got 2 and validationShare 0;");
  expect(() => heldOutShare({ validationShare: 0.1 }, 1)).toThrow("got 1 and validationShare 0.1;");
});
