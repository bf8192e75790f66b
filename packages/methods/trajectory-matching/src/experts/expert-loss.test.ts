import { createNetwork, ensureGradients, keyFromSeed, normal, oneHotLabels, useBackend } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { expertLoss, lossRamp } from "./expert-loss.ts";

beforeAll(async () => {
  await useBackend("cpu");
  ensureGradients();
});

describe("expertLoss", () => {
  // Smooth: the penalty jumps where a ReLU changes sides.
  const network = createNetwork("convnet1-w4-sigmoid", { inputShape: [4, 4, 2], classes: 3 });
  const value = (change: { factor?: number; penalty?: number }, move = 0): number =>
    tf.tidy(() => {
      const theta = network.init(keyFromSeed(1));
      const direction = tf.tensor1d(normal(keyFromSeed("v"), network.parameterCount));
      const images = tf.tensor4d(normal(keyFromSeed("x"), 2 * 32), [2, 4, 4, 2]);
      const at = tf.add(theta, tf.mul(direction, move)) as tf.Tensor1D;
      const augmented = tf.mul(images, 0.5) as tf.Tensor4D;
      const labels = oneHotLabels([0, 2], 3);
      const rest = { factor: 1, penalty: 0, ...change };
      return expertLoss(at, { network, images, augmented, labels, ...rest }).dataSync()[0]!;
    });

  it("scales the cross-entropy and not the penalty", () => {
    const plain = value({});
    expect(value({ factor: 0.5 })).toBeCloseTo(0.5 * plain, 6);
    const penalty = value({ penalty: 1 }) - plain;
    expect(penalty).toBeGreaterThan(0);
    expect(value({ factor: 0.5, penalty: 2 })).toBeCloseTo(0.5 * plain + 2 * penalty, 5);
  });

  it("penalises the slope of the summed scores in every pixel's channels, 1 being free", () => {
    const penalty = tf.tidy(() => {
      const theta = network.init(keyFromSeed(1));
      const x = normal(keyFromSeed("x"), 2 * 32);
      const sum = (values: Float32Array): number =>
        tf.tidy(() => tf.sum(network.apply(theta, tf.tensor4d(values, [2, 4, 4, 2])).logits).dataSync()[0]!);
      const h = 1e-2;
      const slope = (i: number): number => (sum(x.with(i, x[i]! + h)) - sum(x.with(i, x[i]! - h))) / (2 * h);
      let total = 0;
      for (let pixel = 0; pixel < 32; pixel++)
        total += (Math.hypot(slope(2 * pixel), slope(2 * pixel + 1)) - 1) ** 2;
      return total / 32;
    });
    expect(value({ penalty: 1 }) - value({})).toBeCloseTo(penalty, 2);
  });

  it("has a penalty with a derivative in the parameters", () => {
    const slope = tf.tidy(() => {
      const direction = tf.tensor1d(normal(keyFromSeed("v"), network.parameterCount));
      const images = tf.tensor4d(normal(keyFromSeed("x"), 2 * 32), [2, 4, 4, 2]);
      const options = {
        network,
        images,
        augmented: images,
        labels: oneHotLabels([0, 2], 3),
        factor: 0,
        penalty: 1,
      };
      const gradient = tf.grad((at) => expertLoss(at as tf.Tensor1D, options))(network.init(keyFromSeed(1)));
      return tf.sum(tf.mul(gradient, direction)).dataSync()[0]!;
    });
    const h = 2e-3;
    const difference = (value({ factor: 0, penalty: 1 }, h) - value({ factor: 0, penalty: 1 }, -h)) / (2 * h);
    expect(Math.abs(slope / difference - 1)).toBeLessThan(0.02);
  });

  it("rises from one half, in ten epochs by 0.05", () => {
    expect([0, 1, 9, 10, 11].map((epoch) => lossRamp(epoch, 10))).toEqual([0.5, 0.55, 0.95, 1, 1]);
    expect(lossRamp(0, 0)).toBe(1);
  });
});
