import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "@limbeck/core";
import { classMeans, squaredMeanDistance } from "../shared/class-means.ts";
import { unitAttention } from "./spatial-attention.ts";

beforeAll(async () => {
  await useBackend("cpu");
  tf.engine().startScope();
});
afterAll(() => tf.engine().endScope());

describe("unitAttention", () => {
  it("gives 1/32 everywhere for a constant 32×32 map", () => {
    const values = unitAttention(tf.fill([2, 32, 32], 7) as tf.Tensor3D).dataSync();
    for (const value of values) expect(value).toBeCloseTo(1 / 32, 7);
  });

  it("leaves a map that is zero at zero, with gradient zero", () => {
    const gradient = tf.grad((a: tf.Tensor) => tf.sum(unitAttention(a as tf.Tensor3D)))(tf.zeros([1, 4, 4]));
    expect(Array.from(gradient.dataSync())).toEqual(Array.from({ length: 16 }, () => 0));
  });

  it("does not change when a map is scaled, so its gradient is orthogonal to the map", () => {
    const map = tf.tensor3d([
      [
        [1, 2],
        [3, 4],
      ],
    ]);
    const weights = tf.tensor2d([[0.3, -1, 2, 0.5]]);
    const score = (a: tf.Tensor): tf.Tensor => tf.sum(tf.mul(unitAttention(a as tf.Tensor3D), weights));
    expect(score(tf.mul(map, 5)).dataSync()[0]).toBeCloseTo(score(map).dataSync()[0]!, 6);
    const gradient = tf.grad(score)(map);
    expect(tf.sum(tf.mul(gradient, map)).dataSync()[0]).toBeCloseTo(0, 6);
    // dv = (g − z (z·g)) / |v|
    const v = [1, 2, 3, 4];
    const norm = Math.sqrt(30);
    const g = [0.3, -1, 2, 0.5];
    const zg = v.reduce((sum, vi, i) => sum + (vi / norm) * g[i]!, 0);
    const expected = v.map((vi, i) => (g[i]! - (vi / norm) * zg) / norm);
    Array.from(gradient.dataSync()).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));
  });

  it("bounds the loss of one class and layer by 2", () => {
    const real = classMeans(
      unitAttention(
        tf.tensor3d([
          [
            [1, 0],
            [0, 0],
          ],
        ]),
      ),
      1,
    );
    const synthetic = classMeans(
      unitAttention(
        tf.tensor3d([
          [
            [0, 0],
            [0, 9],
          ],
        ]),
      ),
      1,
    );
    expect(squaredMeanDistance(real, synthetic).dataSync()[0]).toBeCloseTo(2, 6);
  });
});
