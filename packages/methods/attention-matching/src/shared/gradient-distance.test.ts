import { createNetwork, keyFromSeed, normal, useBackend, type ParameterEntry } from "@limbeck/core";

import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { differenceDistance, globalCosineDistance, gradientDistance } from "./gradient-distance.ts";

beforeAll(() => useBackend("cpu"));

const init = { kind: "constant", value: 0 } as const;
// Two units whose weights lie in the columns, then a bias that must not count.
const parameters: ParameterEntry[] = [
  { name: "weight", shape: [3, 2], offset: 0, size: 6, outputAxis: 1, init },
  { name: "bias", shape: [2], offset: 6, size: 2, outputAxis: -1, init },
];
const distance = (a: number[], b: number[]): number =>
  tf.tidy(() => gradientDistance(tf.tensor1d(a), tf.tensor1d(b), parameters).arraySync());

test("equal gradients 0, opposite 2 a unit, vectors skipped", () => {
  const a = [1, 2, 3, 4, 5, 6, 0, 0];
  expect(distance(a, a)).toBeCloseTo(0, 6);
  expect(
    distance(
      a,
      a.map((x) => -x),
    ),
  ).toBeCloseTo(4, 5);
  expect(distance(a, [...a.slice(0, 6), 9, -9])).toBeCloseTo(0, 6);
});

test("a unit is a slice along the output axis", () => {
  // Unit 0: (1,0,0) against (0,1,0), cosine 0; unit 1: (0,3,4) against (0,4,3), cosine 24/25.
  expect(distance([1, 0, 0, 3, 0, 4, 0, 0], [0, 0, 1, 4, 0, 3, 0, 0])).toBeCloseTo(1 + 1 / 25, 6);
});

test("a unit without gradient has a finite slope", () => {
  const slope = tf.tidy(() =>
    tf
      .grad((a) => gradientDistance(a as tf.Tensor1D, tf.ones([8]), parameters))(tf.zeros([8]))
      .arraySync(),
  );
  expect((slope as number[]).every(Number.isFinite)).toBe(true);
});

test("ConvNet-3 on MNIST: 394 output units, so 788 between opposite gradients", () => {
  const network = createNetwork("convnet3", { inputShape: [28, 28, 1], classes: 10 });
  const units = network.parameters.filter(({ outputAxis }) => outputAxis >= 0);
  expect(units.map(({ shape, outputAxis }) => shape[outputAxis])).toEqual([128, 128, 128, 10]);
  tf.tidy(() => {
    const g = tf.tensor1d(normal(keyFromSeed(1), network.parameterCount));
    const value = (a: tf.Tensor1D, b: tf.Tensor1D) =>
      gradientDistance(a, b, network.parameters).dataSync()[0]!;
    expect(Math.abs(value(g, g))).toBeLessThan(1e-3);
    expect(Math.abs(value(g, tf.neg(g)) - 788)).toBeLessThan(1e-2);
    expect(Math.abs(value(g, tf.mul(g, 7)))).toBeLessThan(1e-3);
  });
});

test("other distances: the whole cosine, sums of squared and absolute differences over some tensors", () => {
  tf.tidy(() => {
    const [a, b] = [tf.tensor1d([3, 4, 0, 0, 0, 0, 0, 0]), tf.tensor1d([4, 3, 0, 0, 0, 0, 0, 12])];
    expect(globalCosineDistance(a, b).dataSync()[0]).toBeCloseTo(1 - 24 / 65, 6);
    expect(differenceDistance("mse", a, b, parameters).dataSync()[0]).toBe(2 + 144);
    expect(differenceDistance("l1", a, b, parameters).dataSync()[0]).toBe(2 + 12);
    expect(differenceDistance("mse", a, b, parameters.slice(0, 1)).dataSync()[0]).toBe(2);
  });
});
