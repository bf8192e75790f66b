import "@tensorflow/tfjs-backend-cpu";
import type { ParameterEntry } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { gradientDistance } from "./gradient-distance.ts";

beforeAll(() => tf.setBackend("cpu"));

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
