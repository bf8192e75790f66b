import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { describe, it } from "vitest";
import { awkwardTensor, expectSame, randomTensor, seed, size } from "./testing/compare-backends.ts";

type Reduction = (x: tf.Tensor, axes: number[], keepDims: boolean) => tf.Tensor;
const reductions: Record<string, Reduction> = {
  sum: (x, axes, keep) => tf.sum(x, axes, keep),
  mean: (x, axes, keep) => tf.mean(x, axes, keep),
  max: (x, axes, keep) => tf.max(x, axes, keep),
  min: (x, axes, keep) => tf.min(x, axes, keep),
  prod: (x, axes, keep) => tf.prod(x, axes, keep),
};

const problem = fc
  .array(size(8), { minLength: 1, maxLength: 5 })
  .chain((dims) => fc.tuple(fc.constant(dims), fc.subarray(dims.map((_, i) => i)), fc.boolean(), seed));

describe("reductions equal the plain back end's", () => {
  it.each(Object.keys(reductions))("%s over any axes", (name) => {
    const f = reductions[name]!;
    fc.assert(
      fc.property(problem, ([dims, axes, keep, s]) => {
        expectSame(() => f(randomTensor(dims, s, 0.5, 1.5), axes, keep), { rtol: 2e-5 });
      }),
      { numRuns: 60 },
    );
  });

  it.each(["max", "min"])("%s of NaN and infinities", (name) => {
    fc.assert(
      fc.property(problem, ([dims, axes, keep, s]) => {
        expectSame(() => reductions[name]!(awkwardTensor(dims, s), axes, keep));
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    [[300001], [0]],
    [[3, 200003], [1]],
    [[70001, 3], [0]],
    [[9, 64, 130], [1]],
    [
      [4, 5000, 7],
      [0, 2],
    ],
    [[5, 3000], [0]],
    [
      [2, 3, 100, 40, 2],
      [0, 2, 4],
    ],
  ])("large ones: %j over %j", (dims, axes) => {
    for (const f of Object.values(reductions)) {
      expectSame(() => f(randomTensor(dims, 3, 0.9999, 1.0001), axes, false), { rtol: 2e-5 });
    }
    expectSame(() => tf.sum(randomTensor(dims, 3), axes), { atol: 1e-3 });
  });

  it("argMax, argMin and running sums along any axis", () => {
    fc.assert(
      fc.property(problem, fc.nat(), fc.boolean(), fc.boolean(), ([dims, , , s], at, exclusive, reverse) => {
        const axis = at % dims.length;
        expectSame(() => [tf.argMax(awkwardTensor(dims, s), axis), tf.argMin(awkwardTensor(dims, s), axis)]);
        expectSame(() => tf.cumsum(randomTensor(dims, s), axis, exclusive, reverse));
      }),
      { numRuns: 60 },
    );
  });

  it("softmax, with large, infinite and NaN logits", () => {
    fc.assert(
      fc.property(fc.array(size(40), { minLength: 1, maxLength: 3 }), seed, (dims, s) => {
        expectSame(() => tf.softmax(randomTensor(dims, s, -90, 90)), { rtol: 2e-5 });
        expectSame(() => tf.softmax(awkwardTensor(dims, s)), { rtol: 2e-5 });
        expectSame(() => tf.logSoftmax(randomTensor(dims, s, -90, 90)), { rtol: 2e-5, atol: 1e-5 });
      }),
      { numRuns: 40 },
    );
  });
});
