import { readFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs-core";
import {
  createNetwork,
  createRunContext,
  flipEmbedding,
  keyFromSeed,
  multiFormation,
  useBackend,
  type Normalisation,
} from "@limbeck/core";
import { toyDataset } from "@limbeck/core/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { classGradient, frozenStatistics, type DistanceOfGradients } from "./class-gradient.ts";
import { differenceDistance, globalCosineDistance, gradientDistance } from "./gradient-distance.ts";

interface Fixture {
  readonly network: string;
  readonly inputShape: [number, number, number];
  readonly classes: number;
  readonly label: number;
  readonly theta: number[];
  readonly real: number[];
  readonly stored: number[];
  readonly cases: Readonly<Record<string, { readonly distance: number; readonly gradient: number[] }>>;
}

const fixture = JSON.parse(
  readFileSync(new URL("../../fixtures/pytorch/gradient-matching.json", import.meta.url), "utf8"),
) as Fixture;
const { inputShape, classes, label } = fixture;
const network = createNetwork(fixture.network, { inputShape, classes });
const { parameters } = network;
const filters = parameters.filter(({ shape }) => shape.length === 4);
const noNormalisation: Normalisation = { kind: "mean-std", mean: [0, 0, 0], std: [1, 1, 1] };

/** Two passes in float32 over a few hundred terms, against float64. */
const RELATIVE = 2e-5;

const cases: Readonly<Record<string, DistanceOfGradients>> = {
  "layerwise-cosine": (a, b) => gradientDistance(a, b, parameters),
  cosine: globalCosineDistance,
  mse: (a, b) => differenceDistance("mse", a, b, parameters),
  "filters-mse": (a, b) => differenceDistance("mse", a, b, filters),
  "filters-l1": (a, b) => differenceDistance("l1", a, b, filters),
  decoded: (a, b) => gradientDistance(a, b, parameters),
};

describe("classGradient", () => {
  let before = 0;
  beforeEach(async () => {
    await useBackend("cpu");
    before = tf.memory().numTensors;
    tf.engine().startScope();
  });
  afterEach(() => {
    tf.engine().endScope();
    expect(tf.memory().numTensors).toBe(before);
  });

  const splits = [undefined, 1] as const;
  const everyCase = Object.entries(cases).flatMap(([name, distance]) =>
    splits.map((samplesAtOnce) => ({ name, distance, samplesAtOnce })),
  );
  const shown = "has PyTorch's distance and derivative: $name, at most $samplesAtOnce samples at once";
  it.each(everyCase)(shown, async ({ name, distance, samplesAtOnce }) => {
    await useBackend("cpu", samplesAtOnce === undefined ? {} : { samplesAtOnce });
    const { distance: value, gradient } = classGradient({
      network,
      theta: tf.tensor1d(fixture.theta),
      statistics: undefined,
      label,
      real: tf.tensor4d(fixture.real, [5, ...inputShape]),
      stored: tf.tensor4d(fixture.stored, [2, ...inputShape]),
      batchOf:
        name === "decoded"
          ? (stored) => flipEmbedding(multiFormation(stored, 2, noNormalisation))
          : (stored) => stored,
      ...(name === "decoded" && { batchSize: 16 }),
      distance,
    });
    const wanted = fixture.cases[name]!;
    expect(value.dataSync()[0]! / wanted.distance - 1).toBeCloseTo(0, 5);
    const scale = Math.max(...wanted.gradient.map(Math.abs));
    const error = Math.max(...Array.from(gradient.dataSync(), (g, k) => Math.abs(g - wanted.gradient[k]!)));
    expect(error / scale).toBeLessThan(RELATIVE);
  });

  it("is 0 with no derivative where the synthetic images are the real ones", () => {
    const stored = tf.tensor4d(fixture.stored, [2, ...inputShape]);
    const { distance, gradient } = classGradient({
      network,
      theta: tf.tensor1d(fixture.theta),
      statistics: undefined,
      label,
      real: stored,
      stored,
      batchOf: (images) => images,
      distance: cases["mse"]!,
    });
    expect(distance.dataSync()[0]).toBe(0);
    expect(tf.max(tf.abs(gradient)).dataSync()[0]).toBe(0);
  });

  it("holds batch normalisation at the statistics of real images: one image's result does not depend on its neighbours", () => {
    const dataset = toyDataset();
    const run = createRunContext(dataset, 1);
    const batchNorm = run.network("convnet2-w4-batch");
    const theta = batchNorm.init(keyFromSeed(1));
    const statistics = frozenStatistics(run, batchNorm, theta, keyFromSeed(2))!;
    expect(statistics.mean.map(({ shape }) => shape)).toEqual([[4], [4]]);
    // Twelve images a class, all of them taken: the statistics are those of the whole split.
    const all = run.real.read([0, 1, 2].flatMap((c) => Array.from(run.real.ofClass(c))));
    const whole = batchNorm.batchStatistics(theta, all);
    expect(tf.max(tf.abs(tf.sub(statistics.mean[1]!, whole.mean[1]!))).dataSync()[0]).toBeLessThan(1e-5);
    const logits = (images: tf.Tensor4D) => batchNorm.apply(theta, images, { statistics }).logits;
    const pair = logits(run.real.read([0, 1]));
    const alone = logits(run.real.read([0]));
    expect(tf.max(tf.abs(tf.sub(tf.slice(pair, [0, 0], [1, -1]), alone))).dataSync()[0]).toBeLessThan(1e-5);
    expect(frozenStatistics(run, run.network("convnet2-w4"), theta, keyFromSeed(2))).toBeUndefined();
  });
});
