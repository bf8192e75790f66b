import { ShapeError, useBackend } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { meanEmbeddingDistance } from "./loss.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

test("means [2, 4] and [1, 1]: 1² + 3²", () => {
  const before = tf.memory().numTensors;
  const value = tf.tidy(() =>
    meanEmbeddingDistance(tf.tensor2d([1, 5, 3, 3], [2, 2]), tf.tensor2d([1, 1], [1, 2])).dataSync(),
  );
  expect([...value]).toEqual([10]);
  expect(tf.memory().numTensors).toBe(before);
});

test("widths that differ are refused", () => {
  tf.tidy(() => {
    const call = () => meanEmbeddingDistance(tf.zeros([2, 3]), tf.zeros([2, 4]));
    expect(call).toThrow(ShapeError);
    expect(call).toThrow("meanEmbeddingDistance: synthetic must have shape [M,3], got [2,4]");
  });
});
