import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { availableBackEnds } from "../testing/back-ends.ts";
import { derivativeErrors, draw } from "../testing/derivative-error.ts";
import { binaryRules } from "./binary.ts";

/** float32 against float64 differences. */
const F32_RTOL = 1e-4;

type Case = readonly [
  op: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
  reference: (a: number, b: number) => number,
];

const CASES: Readonly<Record<string, Case>> = {
  Add: [(a, b) => tf.square(tf.add(a, b)), (a, b) => (a + b) ** 2],
  Atan2: [tf.atan2, Math.atan2],
  Maximum: [(a, b) => tf.square(tf.maximum(a, b)), (a, b) => Math.max(a, b) ** 2],
  Minimum: [(a, b) => tf.square(tf.minimum(a, b)), (a, b) => Math.min(a, b) ** 2],
  Mod: [(a, b) => tf.square(tf.mod(a, b)), (a, b) => (a - b * Math.floor(a / b)) ** 2],
  Multiply: [tf.mul, (a, b) => a * b],
  Pow: [tf.pow, Math.pow],
  RealDiv: [tf.div, (a, b) => a / b],
  SquaredDifference: [(a, b) => tf.square(tf.squaredDifference(a, b)), (a, b) => (a - b) ** 4],
  Sub: [(a, b) => tf.square(tf.sub(a, b)), (a, b) => (a - b) ** 2],
};

/** Positive numbers between 0.6 and about 2. */
function positive(seed: string, size: number): Float64Array {
  return draw(seed, size).map((x) => Math.fround(0.6 + Math.abs(x) / 2));
}

const backEnds = await availableBackEnds();

it("has a case for every rule", () => {
  expect(Object.keys(CASES).sort()).toEqual(Object.keys(binaryRules).sort());
});

describe.each(backEnds)("on %s", (backEnd) => {
  it.each(Object.keys(CASES))("%s has first and second derivatives through broadcasting", async (name) => {
    await tf.setBackend(backEnd);
    const [op, reference] = CASES[name]!;
    // a is [2, 1, 3], b is [4, 1]: both are broadcast, to [2, 4, 3].
    const { first, second } = derivativeErrors({
      op: (a, b) => op(a!, b!),
      reference: (a, b) => {
        const out: number[] = [];
        for (let i = 0; i < 2; i++)
          for (let j = 0; j < 4; j++) for (let k = 0; k < 3; k++) out.push(reference(a![i * 3 + k]!, b![j]!));
        return out;
      },
      inputs: [
        { values: positive("a", 6), shape: [2, 1, 3] },
        { values: positive("b", 4), shape: [4, 1] },
      ],
    });
    expect(first).toBeLessThan(F32_RTOL);
    expect(second).toBeLessThan(F32_RTOL);
  });

  it("tf.where and tf.addN have first and second derivatives; a comparison in between stops nothing", async () => {
    await tf.setBackend(backEnd);
    const { first, second } = derivativeErrors({
      op: (a, b) => tf.addN([tf.square(tf.where(tf.greater(a!, b!), tf.mul(a!, a!), b!)), a!]),
      reference: (a, b) => a!.map((x, i) => (x > b![i]! ? x ** 4 : b![i]! ** 2) + x),
      inputs: [
        { values: positive("x", 5), shape: [5] },
        { values: positive("y", 5), shape: [5] },
      ],
    });
    expect(first).toBeLessThan(F32_RTOL);
    expect(second).toBeLessThan(F32_RTOL);
  });
});
