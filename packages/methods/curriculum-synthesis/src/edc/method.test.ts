import { useBackend } from "@limbeck/core";
import { testMethod } from "@limbeck/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { batchTargets } from "./class-statistics.ts";
import { edc, smoothingLoss } from "./method.ts";

testMethod(edc, {
  config: {
    ipc: 2,
    iterations: 24,
    batchSize: 6,
    imageLearningRate: 0.1,
    initialisation: "noise",
    statisticsImages: 24,
    classImages: 4,
    smoothingWeight: 1,
    teachers: [{ network: "convnet2-w8-batch", epochs: 8, learningRate: 0.05, batchSize: 12 }],
  },
  backend: "native",
});

describe("EDC's parts", () => {
  beforeAll(async () => {
    await useBackend("cpu");
  });

  it("smoothing is the mean divergence of softened scores, its target constant", () => {
    tf.tidy(() => {
      const [z, average] = [tf.tensor2d([1, 3], [1, 2]), tf.tensor2d([4, 0], [1, 2])];
      const softmax = (l: number[]) =>
        l.map((value) => Math.exp(value) / l.reduce((sum, x) => sum + Math.exp(x), 0));
      const [p, q] = [softmax([2, 0]), softmax([0.5, 1.5])];
      const wanted = p.reduce((sum, value, i) => sum + value * Math.log(value / q[i]!), 0) / 2;
      expect(smoothingLoss(z, average, 2).dataSync()[0]!).toBeCloseTo(wanted, 5);
      const slope = tf
        .grad((x: tf.Tensor) => smoothingLoss(x as tf.Tensor2D, average, 2))(z)
        .dataSync();
      // d/dz of −Σ p log softmax(z/2), over two entries.
      [0, 1].forEach((i) => expect(slope[i]).toBeCloseTo((q[i]! - p[i]!) / 2 / 2, 5));
      const inAverage = tf.grad((x: tf.Tensor) => smoothingLoss(z, x as tf.Tensor2D, 2));
      expect(() => inAverage(average)).toThrow("Cannot compute gradient of y=f(x) with respect to x");
    });
  });

  it("a batch is compared with the mean of its classes' statistics, each as often as it occurs", () => {
    const arrays = {
      "normalisation/0/mean": { shape: [3, 2], data: Float32Array.of(1, 2, 10, 20, 100, 200) },
    };
    const targets = batchTargets(arrays, [0, 2, 2, 2]);
    expect(targets["normalisation/0/mean"]!.dataSync()).toEqual(Float32Array.of(75.25, 150.5));
    tf.dispose(targets);
  });
});
