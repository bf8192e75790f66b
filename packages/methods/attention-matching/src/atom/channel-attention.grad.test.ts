import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ensureGradients, keyFromSeed, normal, useBackend } from "@limbeck/core";
import { unitChannelAttention } from "./channel-attention.ts";

beforeAll(async () => {
  await useBackend("cpu");
  ensureGradients();
  tf.engine().startScope();
});
afterAll(() => tf.engine().endScope());

const [N, H, W, C] = [2, 3, 2, 4];
const activation = Float64Array.from(normal(keyFromSeed(1), N * H * W * C));
const weights = Float64Array.from(normal(keyFromSeed(2), N * C));
const direction = Float64Array.from(normal(keyFromSeed(3), activation.length));

/** ⟨weights, q/‖q‖⟩ by loops in float64. */
function score(a: Float64Array, power: number): number {
  let total = 0;
  for (let n = 0; n < N; n++) {
    const q = new Float64Array(C);
    for (let p = 0; p < H * W; p++)
      for (let c = 0; c < C; c++) q[c]! += Math.abs(a[(n * H * W + p) * C + c]!) ** power;
    const norm = Math.hypot(...q);
    for (let c = 0; c < C; c++) total += (weights[n * C + c]! * q[c]!) / norm;
  }
  return total;
}

describe("unitChannelAttention", () => {
  it.each([1, 2, 3, 4])("has the value and the derivative of float64 loops for p = %s", (power) => {
    const x = tf.tensor4d(Float32Array.from(activation), [N, H, W, C]);
    const w = tf.tensor2d(Float32Array.from(weights), [N, C]);
    const f = (a: tf.Tensor): tf.Tensor => tf.sum(tf.mul(unitChannelAttention(a as tf.Tensor4D, power), w));
    expect(f(x).dataSync()[0]).toBeCloseTo(score(activation, power), 5);
    const gradient = tf.grad(f)(x).dataSync();
    const exact = direction.reduce((sum, d, i) => sum + d * gradient[i]!, 0);
    const at = (h: number): number =>
      score(
        activation.map((value, i) => value + h * direction[i]!),
        power,
      );
    expect(exact).toBeCloseTo((at(1e-6) - at(-1e-6)) / 2e-6, 4);
  });

  it("gives 1/√C for channels that are equally active, and 0 with gradient 0 where nothing is", () => {
    for (const value of unitChannelAttention(tf.fill([1, 4, 4, 9], 3), 4).dataSync()) {
      expect(value).toBeCloseTo(1 / 3, 6);
    }
    const dead = tf.grad((a: tf.Tensor) => tf.sum(unitChannelAttention(a as tf.Tensor4D, 1)))(
      tf.zeros([1, 2, 2, 3]),
    );
    expect(Array.from(dead.dataSync())).toEqual(Array.from({ length: 12 }, () => 0));
  });
});
