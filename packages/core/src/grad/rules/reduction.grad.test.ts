import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { BackendError } from "../../errors.ts";
import { ensureGradients } from "../ensure-gradients.ts";
import { availableBackEnds } from "../testing/back-ends.ts";
import { derivativeErrors, draw } from "../testing/derivative-error.ts";

/** float32 against float64 differences. */
const F32_RTOL = 1e-4;

/** Rows of a `[2, 4]` array. */
function rows(x: Float64Array): number[][] {
  return [Array.from(x.subarray(0, 4)), Array.from(x.subarray(4, 8))];
}

function softmax(row: number[]): number[] {
  const powers = row.map(Math.exp);
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

type Case = readonly [op: (x: tf.Tensor) => tf.Tensor, reference: (x: Float64Array) => number[]];

/** Operations on `[2, 4]` tensors. */
const CASES: Readonly<Record<string, Case>> = {
  max: [(x) => tf.square(tf.max(x, 1)), (x) => rows(x).map((row) => Math.max(...row) ** 2)],
  min: [(x) => tf.square(tf.min(x, 1)), (x) => rows(x).map((row) => Math.min(...row) ** 2)],
  softmax: [(x) => tf.softmax(x), (x) => rows(x).flatMap(softmax)],
  logSumExp: [
    (x) => tf.logSumExp(x, 1),
    (x) => rows(x).map((row) => Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0))),
  ],
  norm: [(x) => tf.norm(x, 2, 1), (x) => rows(x).map((row) => Math.hypot(...row))],
  moments: [
    (x) => tf.moments(x, 1).variance,
    (x) =>
      rows(x).map(
        (row) => row.reduce((sum, y) => sum + (y - row.reduce((a, b) => a + b, 0) / 4) ** 2, 0) / 4,
      ),
  ],
  maxPool: [
    (x) => tf.square(tf.maxPool(tf.reshape(x, [1, 2, 4, 1]) as tf.Tensor4D, 2, 2, "valid")),
    (x) => [Math.max(x[0]!, x[1]!, x[4]!, x[5]!) ** 2, Math.max(x[2]!, x[3]!, x[6]!, x[7]!) ** 2],
  ],
};

const backEnds = await availableBackEnds();

describe.each(backEnds)("on %s", (backEnd) => {
  it.each(Object.keys(CASES))("tf.%s has first and second derivatives", async (name) => {
    await tf.setBackend(backEnd);
    const [op, reference] = CASES[name]!;
    const { first, second } = derivativeErrors({
      op: (x) => op(x!),
      reference: (x) => reference(x!),
      inputs: [{ values: draw("x", 8), shape: [2, 4] }],
    });
    expect(first).toBeLessThan(F32_RTOL);
    expect(second).toBeLessThan(F32_RTOL);
  });

  it("tied maxima share the gradient, and the first of a pooling window takes it", async () => {
    await tf.setBackend(backEnd);
    ensureGradients();
    tf.tidy(() => {
      const ties = tf.tensor1d([2, 5, 5, 1]);
      expect(
        Array.from(
          tf
            .grad((x) => tf.max(x))(ties)
            .dataSync(),
        ),
      ).toEqual([0, 0.5, 0.5, 0]);
      const window = tf.tensor4d([-3, -1, -1, -7], [1, 2, 2, 1]);
      const pooled = tf.grad((x) => tf.sum(tf.maxPool(x as tf.Tensor4D, 2, 2, "valid")))(window);
      expect(Array.from(pooled.dataSync())).toEqual([0, 1, 0, 0]);
    });
  });
});

it("says so where WASM would give a wrong gradient of overlapping max pooling", async () => {
  await tf.setBackend("wasm");
  ensureGradients();
  const derivative = () =>
    tf.tidy(() => tf.grad((x) => tf.sum(tf.maxPool(x as tf.Tensor4D, 3, 2, "valid")))(tf.ones([1, 5, 5, 1])));
  expect(derivative).toThrow(BackendError);
  expect(derivative).toThrow(
    'max pooling: back end "wasm" has a gradient for windows that tile the image only, ' +
      "got size 3, stride 2, padding valid; choose another back end",
  );
});
