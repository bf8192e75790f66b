import { keyFromSeed, foldIn, normal, useBackend } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { momentsOf, statisticsLoss } from "./matching-loss.ts";

/** float32 sums of 36 elements. */
const F32_RTOL = 1e-4;
const [N, H, W, C] = [4, 3, 3, 2];

beforeAll(async () => {
  await useBackend("cpu");
});

function draw(name: string, size: number): Float32Array {
  return normal(foldIn(keyFromSeed(11), name), size);
}

/** R of one layer in plain float64 loops. */
function reference(x: Float64Array, mean: ArrayLike<number>, variance: ArrayLike<number>): number {
  let [far, near] = [0, 0];
  for (let c = 0; c < C; c++) {
    const own = Array.from({ length: N * H * W }, (_, i) => x[i * C + c]!);
    const m = own.reduce((a, b) => a + b, 0) / own.length;
    const v = own.reduce((a, b) => a + (b - m) ** 2, 0) / own.length;
    far += (v - variance[c]!) ** 2;
    near += (m - mean[c]!) ** 2;
  }
  return 3 * (Math.sqrt(far) + Math.sqrt(near));
}

test("the distance of statistics has the derivative of float64 differences, and the second one along a direction", () => {
  const x = draw("x", N * H * W * C);
  const d = draw("d", x.length);
  const e = draw("e", x.length);
  const mean = draw("mean", C);
  const variance = draw("variance", C).map((value) => 1 + Math.abs(value));
  const at = (h: number, k: number) =>
    reference(
      Float64Array.from(x, (value, i) => value + h * d[i]! + k * e[i]!),
      mean,
      variance,
    );
  const h = 1e-5;
  const first = (at(h, 0) - at(-h, 0)) / (2 * h);
  const mixed = (at(1e-3, 1e-3) - at(-1e-3, 1e-3) - at(1e-3, -1e-3) + at(-1e-3, -1e-3)) / 4e-6;
  tf.tidy(() => {
    const running = { mean: [tf.tensor1d(mean)], variance: [tf.tensor1d(variance)] };
    const options = { firstLayerWeight: 3, statisticsScale: "published" } as const;
    const loss = (images: tf.Tensor) => statisticsLoss(momentsOf([images]), running, options);
    const point = tf.tensor4d(x, [N, H, W, C]);
    const dot = (a: tf.Tensor, b: Float32Array) =>
      tf.sum(tf.mul(a, tf.tensor4d(b, [N, H, W, C]))) as tf.Scalar;
    expect(Math.abs(loss(point).dataSync()[0]! / at(0, 0) - 1)).toBeLessThan(F32_RTOL);
    const slope = tf.grad(loss);
    expect(Math.abs(dot(slope(point), d).dataSync()[0]! / first - 1)).toBeLessThan(F32_RTOL);
    const along = tf.grad((images: tf.Tensor) => dot(slope(images), d))(point);
    expect(Math.abs(dot(along, e).dataSync()[0]! / mixed - 1)).toBeLessThan(20 * F32_RTOL);
  });
});
