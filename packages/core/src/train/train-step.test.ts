import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { useBackend } from "../engine/engine.ts";
import { peakBytes, resetPeakBytes } from "../engine/memory.ts";
import { underSamplesAtOnce } from "../engine/samples-at-once.ts";
import { createNetwork } from "../nn/create-network.ts";
import { sgd } from "../optim/optimiser.ts";
import { normal } from "../random/draw.ts";
import { keyFromSeed } from "../random/key.ts";
import { oneHotLabels } from "../synthetic/set-tensors.ts";
import type { Recipe } from "./recipe.ts";
import { trainStep, type TrainStepResult } from "./train-step.ts";

const SIZE = 23;
const options = { inputShape: [8, 8, 3], classes: 4 } as const;
const optimiser = sgd();
const losses: Readonly<Record<string, Recipe["loss"]>> = {
  "cross-entropy": { kind: "cross-entropy", temperature: 1, temperaturePower: 0 },
  "a teacher's scores": { kind: "cross-entropy", temperature: 4, temperaturePower: 2 },
  "squared difference": { kind: "mse", classWeight: 0.5 },
};

let before = 0;
beforeAll(async () => {
  await useBackend("cpu");
});
beforeEach(() => {
  before = tf.memory().numTensors;
  tf.engine().startScope();
});
afterEach(() => {
  tf.engine().endScope();
  expect(tf.memory().numTensors).toBe(before);
});

/** One step with rate 1, so that the difference of the parameters is the gradient. */
function step(name: string, loss: Recipe["loss"], withScores: boolean): () => TrainStepResult {
  const network = createNetwork(name, options);
  const theta = network.init(keyFromSeed(0));
  const numbers = (seed: string, length: number): Float32Array => normal(keyFromSeed(seed), length);
  const images = tf.tensor4d(numbers("images", SIZE * 192), [SIZE, 8, 8, 3]);
  const labels = oneHotLabels(
    Array.from({ length: SIZE }, (_, i) => i % 4),
    4,
  );
  const scores = tf.tensor2d(numbers("scores", SIZE * 4), [SIZE, 4]);
  const batch = { images, labels, ...(withScores && { scores }) };
  return () => trainStep({ network, optimiser, theta, state: {}, batch, loss, learningRate: 1 });
}

function largestDifference(a: tf.Tensor, b: tf.Tensor): number {
  return tf.tidy(() => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!);
}

describe.each(Object.entries(losses))("trainStep in pieces: %s", (name, loss) => {
  it("gives the step of the whole batch within rounding", () => {
    const run = step("convnet1-w8", loss, name !== "cross-entropy");
    const whole = run();
    // Uneven: 23 images by at most 7.
    const split = underSamplesAtOnce(7, run);
    expect(split.loss.dataSync()[0]! / whole.loss.dataSync()[0]! - 1).toBeCloseTo(0, 5);
    const moved = largestDifference(whole.theta, createNetwork("convnet1-w8", options).init(keyFromSeed(0)));
    expect(largestDifference(split.theta, whole.theta) / moved).toBeLessThan(1e-5);
  });
});

describe("trainStep in pieces", () => {
  const peakOf = (run: () => unknown): number => {
    resetPeakBytes();
    const start = peakBytes();
    run();
    return peakBytes() - start;
  };

  it("holds the activations of one piece at a time", () => {
    const run = step("convnet1-w8", losses["cross-entropy"]!, false);
    const whole = peakOf(run);
    const split = peakOf(() => underSamplesAtOnce(6, run));
    expect(split / whole).toBeLessThan(0.35);
  });

  it("keeps a batch whole under batch normalisation, to the bit", () => {
    const run = step("convnet1-w8-batch", losses["cross-entropy"]!, false);
    expect(largestDifference(underSamplesAtOnce(6, run).theta, run().theta)).toBe(0);
  });
});
