import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { awkwardTensor, expectSame, on, randomTensor, seed, size } from "./testing/compare-backends.ts";

const dims = fc.array(size(7), { minLength: 1, maxLength: 5 });
const withNumbers = dims.chain((shape) =>
  fc.tuple(fc.constant(shape), fc.array(fc.nat(1000), { minLength: 12, maxLength: 12 }), seed),
);
const EXACT = { rtol: 0, atol: 0 };

function property(run: (shape: number[], picks: number[], s: number) => void, numRuns = 40): void {
  fc.assert(
    fc.property(withNumbers, ([shape, picks, s]) => run(shape, picks, s)),
    { numRuns },
  );
}

describe("kernels that move numbers equal the plain back end's, bit for bit", () => {
  it("transpose", () => {
    property((shape, picks, s) => {
      const perm = shape.map((_, i) => i).sort((a, b) => picks[a]! - picks[b]!);
      expectSame(() => tf.transpose(awkwardTensor(shape, s), perm), EXACT);
    });
    expectSame(() => tf.transpose(randomTensor([70, 133], 1)), EXACT);
    expectSame(() => tf.transpose(randomTensor([5, 19, 21, 33], 1), [0, 3, 1, 2]), EXACT);
    expectSame(() => tf.transpose(randomTensor([5, 33, 19, 21], 1), [0, 2, 3, 1]), EXACT);
  });

  it("slice, strided slice, reverse", () => {
    property((shape, picks, s) => {
      const begin = shape.map((length, i) => picks[i]! % length);
      const sizes = shape.map((length, i) => 1 + (picks[i + 5]! % (length - begin[i]!)));
      expectSame(() => tf.slice(awkwardTensor(shape, s), begin, sizes), EXACT);
      const end = begin.map((from, i) => from + sizes[i]!);
      const strides = shape.map((_, i) => 1 + (picks[11 - i]! % 3));
      expectSame(() => tf.stridedSlice(awkwardTensor(shape, s), begin, end, strides), EXACT);
      const ones = shape.map(() => 1);
      const back = strides.map((stride) => -stride);
      const last = shape.map((length) => length - 1);
      const first = shape.map((length) => -length - 1);
      expectSame(() => tf.stridedSlice(awkwardTensor(shape, s), last, first, back), EXACT);
      expectSame(() => tf.stridedSlice(awkwardTensor(shape, s), begin, end, ones, 0, 0, 0, 0, 1), EXACT);
      const axes = shape.map((_, i) => i).filter((i) => picks[i]! % 2 === 0);
      expectSame(() => tf.reverse(awkwardTensor(shape, s), axes), EXACT);
    });
    expectSame(() => tf.stridedSlice(randomTensor([6, 5], 1), [1], [4], [1], 0, 0, 0, 1, 0), EXACT);
  });

  it("concat, stack, unstack, split", () => {
    property((shape, picks, s) => {
      const axis = picks[0]! % shape.length;
      const parts = () =>
        [0, 1, 2].map((k) =>
          randomTensor(
            shape.map((length, i) => (i === axis ? picks[k + 1]! % 4 : length)),
            s + k,
          ),
        );
      if (picks[1]! % 4 > 0 && picks[2]! % 4 > 0) expectSame(() => tf.concat(parts(), axis), EXACT);
      expectSame(
        () =>
          tf.stack(
            [0, 1, 2].map((k) => randomTensor(shape, s + k)),
            picks[4]! % (shape.length + 1),
          ),
        EXACT,
      );
      expectSame(() => tf.unstack(randomTensor(shape, s), axis), EXACT);
      const first = picks[5]! % (shape[axis]! + 1);
      expectSame(() => tf.split(randomTensor(shape, s), [first, shape[axis]! - first], axis), EXACT);
    });
  });

  it("pad, tile, gather, segment sums, one-hot", () => {
    property((shape, picks, s) => {
      const paddings = shape.map((_, i) => [picks[i]! % 3, picks[i + 5]! % 3] as [number, number]);
      expectSame(() => tf.pad(awkwardTensor(shape, s), paddings, picks[11]! % 2), EXACT);
      const reps = shape.map((_, i) => 1 + (picks[i]! % 3));
      expectSame(() => tf.tile(awkwardTensor(shape, s), reps), EXACT);
      const axis = picks[0]! % shape.length;
      const index = picks.slice(0, 6).map((value) => value % shape[axis]!);
      expectSame(() => tf.gather(awkwardTensor(shape, s), tf.tensor2d(index, [2, 3], "int32"), axis), EXACT);
      const ids = Array.from({ length: shape[0]! }, (_, i) => (picks[i % 12]! % 6) - 1);
      expectSame(() => tf.unsortedSegmentSum(randomTensor(shape, s), tf.tensor1d(ids, "int32"), 4), {
        rtol: 1e-5,
      });
      expectSame(() => tf.oneHot(tf.tensor1d(ids, "int32"), 4, 2.5, -1, "float32" as "int32"), EXACT);
    });
    const wide = () => randomTensor([40, 3000], 3);
    const ids = Array.from({ length: 40 }, (_, i) => (i * 7) % 5);
    expectSame(() => tf.unsortedSegmentSum(wide(), tf.tensor1d(ids, "int32"), 5), { rtol: 1e-5, atol: 1e-5 });
  });

  it("gather with batch axes, and its error", () => {
    const indices = () => tf.tensor2d([0, 2, 1, 1], [2, 2], "int32");
    expectSame(() => tf.gather(randomTensor([2, 3, 4], 1), indices(), 1, 1), EXACT);
    on("native", () => {
      expect(() => tf.gather(randomTensor([3, 2], 1), tf.tensor1d([0, 3], "int32"))).toThrow(
        "GatherV2: the index value 3 is not in [0, 2]",
      );
    });
  });

  it("reshapes and clones share storage", () => {
    on("native", () => {
      const before = tf.memory().numDataBuffers;
      tf.tidy(() => {
        const x = randomTensor([6, 4], 1);
        tf.reshape(x, [4, 6]);
        tf.clone(x);
        tf.cast(x, "float32");
        tf.expandDims(x, 0);
        expect(tf.memory().numDataBuffers).toBe(before + 1);
      });
    });
  });
});
