import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { availableBackEnds } from "../testing/back-ends.ts";
import { derivativeErrors } from "../testing/derivative-error.ts";
import { elementwiseRules } from "./elementwise.ts";

/** float32 values and derivatives of order 1 to 10 against float64 differences. */
const F32_RTOL = 1e-4;

/** erf by its series; exact to rounding for |x| < 2. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 40; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const ANYWHERE = [-1.7, -0.6, 0.4, 1.3];
const POSITIVE = [0.3, 0.8, 1.4, 2.9];
const INSIDE = [-0.8, -0.3, 0.2, 0.7];

type Case = readonly [
  op: (x: tf.Tensor) => tf.Tensor,
  reference: (x: number) => number,
  points: readonly number[],
];

/** One case for every rule; the test below notices a rule without one. */
const CASES: Readonly<Record<string, Case>> = {
  Abs: [(x) => tf.mul(x, tf.abs(x)), (x) => x * Math.abs(x), ANYWHERE],
  Acos: [tf.acos, Math.acos, INSIDE],
  Asin: [tf.asin, Math.asin, INSIDE],
  Atan: [tf.atan, Math.atan, ANYWHERE],
  Cast: [
    (x) => tf.square(tf.engine().runKernel<tf.Tensor>(tf.Cast, { x }, { dtype: "float32" })),
    (x) => x * x,
    ANYWHERE,
  ],
  ClipByValue: [
    (x) => tf.square(tf.clipByValue(x, -1, 1)),
    (x) => Math.min(1, Math.max(-1, x)) ** 2,
    ANYWHERE,
  ],
  Cos: [tf.cos, Math.cos, ANYWHERE],
  Cosh: [tf.cosh, Math.cosh, ANYWHERE],
  Elu: [tf.elu, (x) => (x > 0 ? x : Math.exp(x) - 1), ANYWHERE],
  Erf: [tf.erf, erf, ANYWHERE],
  Exp: [tf.exp, Math.exp, ANYWHERE],
  Expm1: [tf.expm1, Math.expm1, ANYWHERE],
  Identity: [(x) => tf.square(tf.clone(x)), (x) => x * x, ANYWHERE],
  LeakyRelu: [(x) => tf.square(tf.leakyRelu(x, 0.1)), (x) => (x > 0 ? x : 0.1 * x) ** 2, ANYWHERE],
  Log: [tf.log, Math.log, POSITIVE],
  Log1p: [tf.log1p, Math.log1p, POSITIVE],
  Neg: [(x) => tf.square(tf.neg(x)), (x) => x * x, ANYWHERE],
  Reciprocal: [tf.reciprocal, (x) => 1 / x, POSITIVE],
  Relu: [(x) => tf.square(tf.relu(x)), (x) => Math.max(0, x) ** 2, ANYWHERE],
  Relu6: [(x) => tf.square(tf.relu6(x)), (x) => Math.min(6, Math.max(0, x)) ** 2, [-1, 2, 5, 7]],
  Rsqrt: [tf.rsqrt, (x) => 1 / Math.sqrt(x), POSITIVE],
  Selu: [tf.selu, (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (Math.exp(x) - 1)), ANYWHERE],
  Sigmoid: [tf.sigmoid, (x) => 1 / (1 + Math.exp(-x)), ANYWHERE],
  Sin: [tf.sin, Math.sin, ANYWHERE],
  Sinh: [tf.sinh, Math.sinh, ANYWHERE],
  Softplus: [tf.softplus, (x) => Math.log1p(Math.exp(x)), ANYWHERE],
  Sqrt: [tf.sqrt, Math.sqrt, POSITIVE],
  Square: [tf.square, (x) => x * x, ANYWHERE],
  Tan: [tf.tan, Math.tan, INSIDE],
  Tanh: [tf.tanh, Math.tanh, ANYWHERE],
};

const backEnds = await availableBackEnds();

it("has a case for every rule", () => {
  expect(Object.keys(CASES).sort()).toEqual(Object.keys(elementwiseRules).sort());
});

describe.each(backEnds)("on %s", (backEnd) => {
  it.each(Object.keys(CASES))("%s has first and second derivatives", async (name) => {
    await tf.setBackend(backEnd);
    const [op, reference, points] = CASES[name]!;
    const before = tf.memory().numTensors;
    const { first, second } = derivativeErrors({
      op: (x) => op(x!),
      reference: (x) => x!.map(reference),
      inputs: [{ values: Float64Array.from(points, Math.fround), shape: [points.length] }],
    });
    expect(first).toBeLessThan(F32_RTOL);
    expect(second).toBeLessThan(F32_RTOL);
    expect(tf.memory().numTensors).toBe(before);
  });
});
