import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createNetwork, keyFromSeed, realImages, useBackend, type RunContext } from "@limbeck/core";
import { testMethod, toyDataset } from "@limbeck/core/testing";
import { dmConfigSchema } from "./config.ts";
import { dm } from "./method.ts";

const small = { ipc: 2, iterations: 8, network: "convnet2-w8", realBatch: 6, imageLearningRate: 1 } as const;

testMethod(dm, { config: small });

function context(classes = 3): RunContext {
  const dataset = toyDataset({ classes });
  return {
    dataset,
    real: realImages(dataset),
    key: keyFromSeed(5),
    network: (name) => createNetwork(name, { inputShape: dataset.shape, classes }),
  };
}

describe("dm", () => {
  beforeEach(async () => {
    await useBackend("cpu");
    tf.engine().startScope();
  });
  afterEach(() => tf.engine().endScope());

  it("moves the images by the gradient of its own loss", () => {
    const run = context();
    const config = dmConfigSchema.parse({ ...small, imageMomentum: 0, augmentation: "none" });
    const before = dm.init(run, config);
    const { state, loss } = dm.step(run, before, config, 0);
    // v = gradient, images −= rate · v; a short step against it lowers the same loss by rate·|v|² to first order.
    const length2 = tf.sum(tf.square(state.velocity)).dataSync()[0]!;
    const rate = 1e-3 * (loss / length2);
    const moved = { ...before, images: tf.sub(before.images, tf.mul(state.velocity, rate)) as tf.Tensor4D };
    const after = dm.step(run, moved, config, 0).loss;
    expect((loss - after) / (rate * length2)).toBeCloseTo(1, 1);
  });

  it("has loss 0 where every real image is in the set", () => {
    const run = context();
    const perClass = run.real.ofClass(0).length;
    const config = dmConfigSchema.parse({
      ...small,
      ipc: perClass,
      realBatch: perClass,
      augmentation: "none",
    });
    const all = [0, 1, 2].flatMap((label) => Array.from(run.real.ofClass(label)));
    const images = run.real.read(all);
    const { loss } = dm.step(run, { images, velocity: tf.zerosLike(images) }, config, 0);
    expect(loss).toBeLessThan(1e-8);
  });

  it("gives the same step whether classes are worked through together or in groups", () => {
    const run = context(4);
    // 256 images a group: a real batch of 200 makes groups of one class, of 6 one group of all four.
    const together = dmConfigSchema.parse({ ...small, realBatch: 12 });
    const apart = dmConfigSchema.parse({ ...small, realBatch: 200 });
    const state = dm.init(run, together);
    const a = dm.step(run, state, together, 0);
    const b = dm.step(run, state, apart, 0);
    expect(b.loss / a.loss).toBeCloseTo(1, 5);
    const difference = tf.max(tf.abs(tf.sub(a.state.images, b.state.images))).dataSync()[0]!;
    expect(difference).toBeLessThan(1e-4);
  });

  it("matches all classes in one batch under batch normalisation", () => {
    const run = context();
    const config = dmConfigSchema.parse({ ...small, network: "convnet2-w8-batch" });
    const { loss, state } = dm.step(run, dm.init(run, config), config, 0);
    expect(Number.isFinite(loss)).toBe(true);
    expect(tf.max(tf.abs(state.velocity)).dataSync()[0]!).toBeGreaterThan(0);
  });
});
