import * as tf from "@tensorflow/tfjs-core";
import {
  createRunContext,
  disposeState,
  distill,
  foldIn,
  forecastRun,
  oneHotLabels,
  peakBytes,
  resetPeakBytes,
  softmaxCrossEntropy,
  useBackend,
} from "@limbeck/core";
import { testMethod, toyDataset } from "@limbeck/core/testing";
import { describe, expect, it } from "vitest";
import { classGradient, realBatch } from "../shared/class-gradient.ts";
import { gradientDistance } from "../shared/gradient-distance.ts";
import { accuracyOf } from "../shared/testing/accuracy-of.ts";
import { greyContext, largestDifference, onCpuWithoutLeaks } from "../shared/testing/gradient-setting.ts";
import { dcConfigSchema, type DcConfig } from "./config.ts";
import { dc } from "./method.ts";

const small = {
  ipc: 2,
  iterations: 8,
  network: "convnet1-w4",
  realBatch: 4,
  outerSteps: 3,
  innerEpochs: 1,
  imageLearningRate: 5,
} as const;

testMethod(dc, { config: small, dataset: toyDataset({ classes: 2, shape: [6, 6, 1] }) });

describe("dc", () => {
  const leaks = onCpuWithoutLeaks();

  const parse = (change: object = {}): DcConfig => dcConfigSchema.parse({ ...small, ...change });

  it("starts from noise, without augmentation", () => {
    const config = parse();
    expect([config.initialisation, config.augmentation, config.distance]).toEqual([
      "noise",
      "none",
      "layerwise-cosine",
    ]);
    const { images } = dc.init(greyContext(), config);
    const { mean, variance } = tf.moments(images);
    expect(Math.abs(mean.dataSync()[0]!)).toBeLessThan(0.35);
    expect(Math.abs(variance.dataSync()[0]! - 1)).toBeLessThan(0.5);
  });

  it("moves each class's images against the derivative of that class's distance; the loss is the sum", () => {
    const run = greyContext();
    const config = parse({ imageMomentum: 0 });
    const state = dc.init(run, config);
    const { state: next, loss, terms } = dc.step(run, state, config, 4);
    const network = run.network(config.network);
    let sum = 0;
    for (let label = 0; label < 3; label++) {
      const { distance, gradient } = classGradient({
        network,
        theta: state.theta,
        statistics: undefined,
        label,
        real: realBatch(run, label, config.realBatch, foldIn(run.key, 4)),
        stored: tf.slice(state.images, [2 * label, 0, 0, 0], [2, -1, -1, -1]),
        batchOf: (stored) => stored,
        distance: (a, b) => gradientDistance(a, b, network.parameters),
      });
      sum += distance.dataSync()[0]!;
      const [from, to] = [state.images, next.images].map((images) =>
        tf.slice(images, [2 * label, 0, 0, 0], [2, -1, -1, -1]),
      );
      expect(largestDifference(tf.sub(from!, tf.mul(gradient, config.imageLearningRate)), to!)).toBeLessThan(
        1e-5,
      );
    }
    expect(loss / sum).toBeCloseTo(1, 5);
    expect(terms).toEqual({ distance: loss });
  });

  it("trains the network on the moved images between two updates, and takes a fresh one after the last", () => {
    const run = greyContext();
    const config = parse({ innerEpochs: 2 });
    const network = run.network(config.network);
    const init = (number: number) => network.init(foldIn(foldIn(run.key, "network"), number));
    let state = dc.init(run, config);
    expect(largestDifference(state.theta, init(0))).toBe(0);
    for (let step = 0; step < 3; step++) {
      const { state: next } = dc.step(run, state, config, step);
      // Two epochs of one batch that holds all images: their order does not matter.
      const labels = oneHotLabels([0, 0, 1, 1, 2, 2], 3);
      const gradientAt = (theta: tf.Tensor) =>
        tf.grad((at) => softmaxCrossEntropy(network.apply(at as tf.Tensor1D, next.images).logits, labels))(
          theta,
        );
      const once = tf.sub(state.theta, tf.mul(gradientAt(state.theta), 0.01));
      const twice = tf.sub(once, tf.mul(gradientAt(once), 0.01));
      expect(largestDifference(next.theta, step < 2 ? twice : init(1))).toBeLessThan(1e-5);
      state = next;
    }
  });

  it("keeps the network between updates where it is not trained", () => {
    const run = greyContext();
    const config = parse({ innerEpochs: 0 });
    const state = dc.init(run, config);
    expect(largestDifference(dc.step(run, state, config, 0).state.theta, state.theta)).toBe(0);
  });

  it.each(["cosine", "mse"] as const)("lowers the %s distance on one network", (distance) => {
    const run = greyContext();
    const rate = distance === "mse" ? 0.5 : 5;
    const config = parse({
      distance,
      innerEpochs: 0,
      outerSteps: 100,
      realBatch: 12,
      imageLearningRate: rate,
    });
    let state = dc.init(run, config);
    const losses = Array.from({ length: 6 }, (_, step) => {
      const result = dc.step(run, state, config, step);
      state = result.state;
      return result.loss;
    });
    expect(losses.at(-1)!).toBeLessThan(0.9 * losses[0]!);
  });

  it("works on batch-normalised networks, and with a single image of each class", () => {
    const run = greyContext();
    const config = parse({ network: "convnet2-w4-batch", ipc: 1 });
    const { state, loss } = dc.step(run, dc.init(run, config), config, 0);
    expect(Number.isFinite(loss)).toBe(true);
    expect(tf.max(tf.abs(state.velocity)).dataSync()[0]!).toBeGreaterThan(0);
  });

  it("works through many classes one by one: memory grows by the images and the scores alone", async () => {
    await useBackend("auto");
    leaks.countAnew();
    const peakOf = (classes: number): number => {
      const run = createRunContext(toyDataset({ classes, perClass: 4 }), 5);
      const config = parse({ ipc: 1, realBatch: 4, outerSteps: 1, network: "convnet1-w16-gap" });
      const state = dc.init(run, config);
      resetPeakBytes();
      const start = tf.memory().numBytes;
      disposeState(dc.step(run, state, config, 0).state);
      const peak = peakBytes() - start;
      disposeState(state);
      return peak;
    };
    // Together, they would need 25 times the activations of two.
    expect(peakOf(50)).toBeLessThan(2 * peakOf(2));
  });

  it("refuses a single class, and more images than a class has", async () => {
    const one = toyDataset({ classes: 1 });
    await expect(distill(dc, one, { config: small }).result).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: gradient matching: wanted at least 2 classes, got 1: the loss of a single class has no gradient; use dm]`,
    );
    await expect(
      Promise.resolve().then(() => distill(dc, toyDataset(), { config: { ...small, ipc: 13 } }).result),
    ).rejects.toThrow(
      'toy: class "class 0" has 12 training images, fewer than the 13 images per class asked for',
    );
  });

  it("forecasts less for a network that is not trained", () => {
    const cost = (innerEpochs: number) =>
      forecastRun(dc, toyDataset(), { config: { ...small, innerEpochs } }).multiplyAddsPerStep;
    expect(cost(50)).toBeGreaterThan(2 * cost(0));
  });

  it("learns: networks trained on its images beat those trained on the noise it starts from", async () => {
    const dataset = toyDataset({ classes: 3, shape: [6, 6, 1] });
    const config = { ...small, network: "convnet1-w8", ipc: 1, iterations: 16, realBatch: 8 };
    const run = createRunContext(dataset, 0);
    const start = dc.init(run, parse(config));
    const first = dc.result(run, start, parse(config));
    disposeState(start);
    const set = await distill(dc, dataset, { config }).result;
    const [from, to] = [await accuracyOf(first, dataset), await accuracyOf(set, dataset)];
    expect(from).toBeLessThan(70);
    expect(to).toBeGreaterThan(90);
  });
});
