import { keyFromSeed, normal, splitKey, useBackend } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { meanEmbeddingDistance } from "./loss.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

/** Sums of a dozen float32 products. */
const F32_SUM_RTOL = 1e-5;

test("the gradient is 2 (mean synthetic − mean real) / M in every row, and its derivative along v is 2 mean v / M", () => {
  const [a, b, c] = splitKey(keyFromSeed(1), 3).map((key) => normal(key, 12)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const mean = (x: Float32Array, j: number): number => (x[j]! + x[j + 4]! + x[j + 8]!) / 3;
  const { gradient, second } = tf.tidy(() => {
    const real = tf.tensor2d(a, [3, 4]);
    const synthetic = tf.tensor2d(b, [3, 4]);
    const first = tf.grad((x: tf.Tensor) => meanEmbeddingDistance(real, x as tf.Tensor2D));
    const along = tf.grad((x: tf.Tensor) => tf.sum(tf.mul(first(x), tf.tensor2d(c, [3, 4]))));
    return { gradient: first(synthetic).dataSync(), second: along(synthetic).dataSync() };
  });
  for (let i = 0; i < 12; i++) {
    expect(Math.abs(gradient[i]! - (2 / 3) * (mean(b, i % 4) - mean(a, i % 4)))).toBeLessThan(F32_SUM_RTOL);
    expect(Math.abs(second[i]! - (2 / 3) * mean(c, i % 4))).toBeLessThan(F32_SUM_RTOL);
  }
});
