import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { liveTensors, memoryPartStore, useBackend, type Recipe, type SyntheticSet } from "@limbeck/core";
import { toyDataset } from "@limbeck/core/testing";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { protocolSchema, recipeFor } from "../protocol/protocol.ts";
import { protocolNamed } from "../protocol/protocols.ts";
import { evaluateCached } from "./evaluate-cached.ts";
import { evaluateSet, networkFor, type EvaluationOptions } from "./evaluate-set.ts";
import { evaluateFullData } from "./full-data.ts";
import { labelledSet } from "./labelled-set.ts";
import { randomSubset } from "./random-subset.ts";
import { heldOut, tunedRecipe } from "./tune-recipe.ts";

beforeAll(() => useBackend("auto", { threads: 1 }));

const dataset = toyDataset({ classes: 3, shape: [8, 8, 1], perClass: 20 });
const neutral = protocolNamed("neutral-v1");
/** The neutral protocol, shortened; 0.000001 teaches nothing, 1e20 diverges. */
const quick = protocolSchema.parse({
  ...neutral,
  recipe: { ...neutral.recipe, epochs: 12 },
  tune: { learningRates: [1e-6, 1e20, 0.05], epochShares: [0.1, 1], validation: 0.2 },
});
const options: EvaluationOptions = { protocol: quick, network: "convnet1-w8", seeds: [3, 4] };
const teacher = protocolSchema.parse({
  ...quick,
  labels: {
    kind: "teacher",
    network: "convnet1-w8",
    seed: 0,
    recipe: { learningRate: 0.05, momentum: 0.9, epochs: 10, batchSize: 8 },
  },
});

test("the learning rate is chosen on held-out training images, never on the test split", async () => {
  const before = liveTensors();
  const set = randomSubset(dataset, 2, 0);
  const found = await evaluateSet(set, dataset, options);
  expect(found.tuned).toMatchObject({ learningRate: 0.05, epochs: 12 });
  expect(Math.min(...found.accuracy)).toBeGreaterThan(80);
  // Test labels that are all wrong change the score and not the choice.
  const wrong = { ...dataset.test, labels: dataset.test.labels.map((label) => (label + 1) % 3) };
  const other = await evaluateSet(set, { ...dataset, test: wrong }, options);
  expect(other.tuned).toEqual(found.tuned);
  expect(Math.max(...other.accuracy)).toBeLessThan(20);
  // Held-out images of other classes change the choice's percent.
  const shifted = { ...dataset.train, labels: dataset.train.labels.map((label) => (label + 1) % 3) };
  const misled = await evaluateSet(set, { ...dataset, train: shifted }, options);
  expect(misled.tuned!.validation).toBeLessThan(found.tuned!.validation);
  expect(liveTensors()).toBe(before);
});

test("what was chosen is kept and recorded", async () => {
  const folder = mkdtempSync(join(tmpdir(), "limbeck-neutral-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const set = randomSubset(dataset, 1, 0);
  const stop = new AbortController();
  const interrupted = evaluateCached(set, dataset, folder, 0, {
    ...options,
    signal: stop.signal,
    onSeed: () => stop.abort(),
  });
  await expect(interrupted).rejects.toThrow("evaluate: interrupted after 1 of 2 networks");
  let epochs = 0;
  const onProgress = (): void => void epochs++;
  const { record } = await evaluateCached(set, dataset, folder, 0, { ...options, onProgress });
  expect(epochs).toBe(12);
  expect(record.tuned).toMatchObject({ learningRate: 0.05, epochs: 12 });
});

test("full data are not trained on the images that choose", async () => {
  const held = new Set(heldOut({ dataset }, 0.2));
  expect(held.size).toBe(12);
  const trainedOn: number[][] = [];
  const train = {
    ...dataset.train,
    read(indices: ArrayLike<number>) {
      if (indices.length === 48) trainedOn.push(Array.from(indices));
      return dataset.train.read(indices);
    },
  };
  const { tuned } = await evaluateFullData({ ...dataset, train }, { ...options, seeds: [0] });
  expect(tuned!.learningRate).toBe(0.05);
  expect(trainedOn.length).toBeGreaterThan(12);
  expect(trainedOn.flat().filter((i) => held.has(i))).toEqual([]);
});

test("hard labels are the likeliest classes, a teacher's are probabilities that fit its images", async () => {
  const before = liveTensors();
  const values = Float32Array.of(0.1, 0.7, 0.2, 0.5, 0.1, 0.4, 0.2, 0.2, 0.6);
  const soft: SyntheticSet = {
    ...randomSubset(dataset, 1, 0),
    labels: { kind: "soft", values, space: "probabilities" },
  };
  const hard = await labelledSet(soft, dataset, protocolNamed("neutral-hard-v1"));
  expect(hard.labels).toEqual({ kind: "hard", values: Int32Array.of(1, 0, 2) });
  expect(await labelledSet(soft, dataset, neutral)).toBe(soft);

  const parts = memoryPartStore();
  const set = randomSubset(dataset, 4, 0);
  const labelled = await labelledSet(set, dataset, teacher, parts);
  if (labelled.labels.kind !== "soft") throw new Error("the teacher gives probabilities");
  const rows = Array.from({ length: set.size }, (_, i) => [
    ...labelled.labels.values.slice(3 * i, 3 * i + 3),
  ]);
  for (const row of rows) expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
  expect(rows.map((row) => row.indexOf(Math.max(...row)))).toEqual([...set.labels.values]);
  const again = await labelledSet(set, dataset, teacher, parts);
  expect(again.labels.values).toEqual(labelled.labels.values);
  expect(liveTensors()).toBe(before);
});

test("the budget counts stored images; drops keep their place", () => {
  expect(recipeFor(neutral, dataset, { factor: 2 }).epochs).toBe(250);
  expect(recipeFor(neutral, dataset, { stepSize: 0.5 })).toMatchObject({ epochs: 1000, learningRate: 0.01 });
  const schedule: Recipe["schedule"] = { kind: "steps", at: [500, 900], factor: 0.1 };
  const dropping = { ...neutral.recipe, schedule };
  expect(tunedRecipe(dropping, { learningRate: 1, epochs: 100 })).toMatchObject({
    learningRate: 1,
    epochs: 100,
    schedule: { at: [50, 90] },
  });
  expect(networkFor("mlp", dataset).classes).toBe(3);
});
