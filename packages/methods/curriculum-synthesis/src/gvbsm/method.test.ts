import { keyFromSeed, normal, useBackend } from "@limbeck/core";
import { testMethod } from "@limbeck/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { densityLoss } from "./density-loss.ts";
import { droppedLayers } from "./generalised-loss.ts";
import { gvbsm } from "./method.ts";
import { patchMoments } from "./patch-moments.ts";
import { symmetricEigenvalues } from "./symmetric-eigenvalues.ts";

const teacher = { epochs: 8, learningRate: 0.05, batchSize: 12 };

testMethod(gvbsm, {
  config: {
    ipc: 2,
    iterations: 24,
    batchSize: 6,
    jitter: 1,
    pad: 1,
    imageLearningRate: 0.1,
    statisticsImages: 24,
    densityWeight: 0.01,
    teachers: [
      { network: "convnet2-w8-batch", ...teacher },
      { network: "convnet1-w8-batch", ...teacher },
    ],
  },
  backend: "native",
});

/** float32 sums. */
const F32_ATOL = 1e-4;

describe("G-VBSM's parts", () => {
  beforeAll(async () => {
    await useBackend("cpu");
  });

  it("patch moments are means over images, channels and 4 × 4 features", () => {
    const [n, h, w, c] = [2, 4, 8, 3];
    const values = normal(keyFromSeed(4), n * h * w * c);
    const { mean, variance } = tf.tidy(() => {
      const found = patchMoments(tf.tensor4d(values, [n, h, w, c]));
      return { mean: found.mean.dataSync(), variance: found.variance.dataSync() };
    });
    for (let patch = 0; patch < 2; patch++) {
      const own = Array.from(values).filter((_, i) => Math.floor((Math.floor(i / c) % w) / 4) === patch);
      const m = own.reduce((a, b) => a + b, 0) / own.length;
      expect(mean[patch]).toBeCloseTo(m, 5);
      expect(variance[patch]).toBeCloseTo(own.reduce((a, b) => a + (b - m) ** 2, 0) / own.length, 5);
    }
    // Two features a side are enlarged to one patch.
    expect(tf.tidy(() => patchMoments(tf.ones([1, 2, 2, 1])).mean.dataSync())).toEqual(Float32Array.of(1));
  });

  it("eigenvalues are those of known matrices, and their derivative is v vᵀ", () => {
    tf.tidy(() => {
      const values = symmetricEigenvalues(tf.tensor2d([2, 1, 1, 2], [2, 2])).dataSync();
      expect(
        Array.from(values)
          .sort((a, b) => a - b)
          .map((value) => Math.round(value * 1e5) / 1e5),
      ).toEqual([1, 3]);
      // λ² summed is tr A²: its derivative is 2A.
      const x = tf.tensor2d(normal(keyFromSeed(1), 16), [4, 4]);
      const a = tf.add(x, tf.transpose(x)) as tf.Tensor2D;
      const gradient = tf.grad((m: tf.Tensor) => tf.sum(tf.square(symmetricEigenvalues(m as tf.Tensor2D))))(
        a,
      );
      expect(tf.max(tf.abs(tf.sub(gradient, tf.mul(a, 2)))).dataSync()[0]!).toBeLessThan(F32_ATOL);
    });
  });

  it("densification is the divergence of the spectrum from its softer self, nothing for single images", () => {
    tf.tidy(() => {
      // Orthogonal images of squared lengths 1 and 4: eigenvalues 1 and 4.
      const images = tf.tensor4d([1, 0, 0, 2], [2, 1, 2, 1]);
      const softmax = (l: number[]) =>
        l.map((value) => Math.exp(value) / l.reduce((sum, x) => sum + Math.exp(x), 0));
      const [p, q] = [softmax([1 / 4, 1]), softmax([1, 4])];
      const wanted = p.reduce((sum, value, i) => sum + value * Math.log(value / q[i]!), 0);
      expect(densityLoss(images, [7, 7], 4).dataSync()[0]!).toBeCloseTo(wanted, 5);
      expect(densityLoss(images, [0, 1], 4).dataSync()[0]!).toBe(0);
      const loss = (x: tf.Tensor) => densityLoss(x as tf.Tensor4D, [7, 7], 4);
      // The left distribution is a constant: dD/dλ = softmax(λ) − p, and dλ₂/dx = 2·2.
      expect(tf.grad(loss)(images).dataSync()[3]!).toBeCloseTo(4 * (q[1]! - p[1]!), 4);
    });
  });

  it("leaves out its share of the convolutions", () => {
    const counts = Array.from({ length: 200 }, (_, i) => droppedLayers(keyFromSeed(i), 10, 0.4).size);
    const mean = counts.reduce((a, b) => a + b, 0) / 2000;
    // Standard error 0.011.
    expect(Math.abs(mean - 0.4)).toBeLessThan(0.05);
    expect(droppedLayers(keyFromSeed(0), 10, 0).size).toBe(0);
  });
});
