import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { ensureGradients } from "../ensure-gradients.ts";
import { availableBackEnds } from "../testing/back-ends.ts";
import { draw } from "../testing/derivative-error.ts";

/** Sums of a few dozen float32 products. */
const F32_SUM_RTOL = 1e-5;

type Linear = (x: tf.Tensor) => tf.Tensor;

const ids = () => tf.tensor1d([1, 0, 1, -1], "int32");
const attrs = { filterSize: [2, 2], strides: [2, 2], pad: "valid" };
const filter = () => tf.tensor4d(Float32Array.from(draw("filter", 54)), [3, 3, 2, 3]);

/** Linear operations on a `[4, 3, 6, 2]` tensor unless a reshape says otherwise. */
const LINEAR: Readonly<Record<string, Linear>> = {
  reshape: (x) => tf.reshape(x, [12, 12]),
  expandDims: (x) => tf.expandDims(x, 1),
  transpose: (x) => tf.transpose(x, [2, 0, 3, 1]),
  reverse: (x) => tf.reverse(x, [1, 2]),
  slice: (x) => tf.slice(x, [1, 0, 2, 0], [2, -1, 3, 1]),
  pad: (x) => tf.pad(x, [[1, 0], [0, 2], [3, 1], [0, 0]]), // prettier-ignore
  "mirrorPad reflect": (x) => tf.mirrorPad(tf.reshape(x, [4, 3, 12]), [[2, 1], [1, 2], [0, 0]], "reflect"), // prettier-ignore
  "mirrorPad symmetric": (x) => tf.mirrorPad(tf.reshape(x, [4, 36]), [[2, 3], [1, 1]], "symmetric"), // prettier-ignore
  tile: (x) => tf.tile(x, [2, 1, 3, 2]),
  broadcastTo: (x) => tf.broadcastTo(tf.reshape(x, [4, 1, 36]), [4, 5, 36]),
  "concat with itself": (x) => tf.concat([x, tf.mul(x, 2), tf.slice(x, [0, 0, 0, 0], [2, 3, 6, 2])], 0),
  "split, one part": (x) => tf.split(x, [1, 2], 1)[1]!,
  "split, all parts": (x) => tf.add(...(tf.split(x, 2, 2) as [tf.Tensor, tf.Tensor])),
  "split into one": (x) => tf.split(x, 1, 2)[0]!,
  stack: (x) => tf.stack([x, tf.mul(x, 3)], 2),
  unstack: (x) => tf.sub(tf.unstack(x, 2)[4]!, tf.unstack(x, 2)[0]!),
  "gather axis 0": (x) => tf.gather(x, tf.tensor2d([3, 3, 0, 1], [2, 2], "int32")),
  "gather axis 2": (x) => tf.gather(x, tf.tensor1d([5, 0, 0], "int32"), 2),
  unsortedSegmentSum: (x) => tf.unsortedSegmentSum(x, ids(), 3),
  gatherND: (x) => tf.gatherND(x, tf.tensor2d([1, 0, 3, 2, 1, 0], [3, 2], "int32")),
  scatterND: (x) => tf.scatterND(tf.tensor2d([4, 0, 4, 2], [4, 1], "int32"), x, [5, 3, 6, 2]),
  sum: (x) => tf.sum(x, [0, 2]),
  "sum, kept": (x) => tf.sum(x, 1, true),
  mean: (x) => tf.mean(x, [1, 3]),
  cumsum: (x) => tf.cumsum(x, 2),
  "cumsum exclusive reverse": (x) => tf.cumsum(x, 1, true, true),
  "matMul a": (x) =>
    tf.matMul(tf.reshape(x, [12, 12]), tf.tensor2d(Float32Array.from(draw("b", 36)), [12, 3])),
  "matMul bᵀ": (x) =>
    tf.matMul(tf.tensor2d(Float32Array.from(draw("b", 36)), [3, 12]), tf.reshape(x, [12, 12]), false, true),
  "matMul aᵀ in a batch": (x) =>
    tf.matMul(
      tf.reshape(x, [3, 6, 8]),
      tf.tensor3d(Float32Array.from(draw("b", 36)), [3, 6, 2]),
      true,
      false,
    ),
  "matMul broadcast over a batch": (x) =>
    tf.matMul(tf.reshape(x, [1, 12, 12]), tf.tensor3d(Float32Array.from(draw("b", 72)), [2, 12, 3])),
  conv2d: (x) => tf.conv2d(x as tf.Tensor4D, filter(), 1, 1),
  "conv2d stride 2, odd rest": (x) => tf.conv2d(x as tf.Tensor4D, filter(), 2, 1),
  "conv2d same": (x) => tf.conv2d(x as tf.Tensor4D, filter(), [1, 2], "same"),
  "conv2d in the filter": (x) =>
    tf.conv2d(
      tf.tensor4d(Float32Array.from(draw("x", 100)), [2, 5, 5, 2]),
      tf.reshape(x, [3, 3, 2, 8]) as tf.Tensor4D,
      1,
      2,
    ),
  "conv2d in the filter, stride 2": (x) =>
    tf.conv2d(
      tf.tensor4d(Float32Array.from(draw("x", 120)), [2, 6, 5, 2]),
      tf.reshape(x, [3, 3, 2, 8]) as tf.Tensor4D,
      2,
      1,
    ),
  "conv2d in a 1x1 filter, stride 2": (x) =>
    tf.conv2d(
      tf.tensor4d(Float32Array.from(draw("x", 108)), [1, 6, 3, 6]),
      tf.reshape(x, [1, 1, 6, 24]) as tf.Tensor4D,
      2,
      0,
    ),
  conv2dTranspose: (x) =>
    tf.conv2dTranspose(tf.reshape(x, [4, 3, 4, 3]) as tf.Tensor4D, filter(), [4, 3, 4, 2], 1, "same"),
  avgPool: (x) => tf.avgPool(x as tf.Tensor4D, 2, 2, "valid"),
  "avgPool overlapping": (x) => tf.avgPool(tf.reshape(x, [1, 8, 9, 2]) as tf.Tensor4D, 3, 2, "valid"),
  avgPoolGrad: (x) =>
    tf
      .engine()
      .runKernel(tf.AvgPoolGrad, { dy: tf.reshape(x, [4, 3, 6, 2]), input: tf.zeros([4, 7, 12, 2]) }, attrs),
  maxPoolGrad: (x) => {
    const input = tf.tensor4d(Float32Array.from(draw("m", 4 * 7 * 12 * 2)), [4, 7, 12, 2]);
    const output = tf.maxPool(input, 2, 2, "valid");
    return tf.engine().runKernel(tf.MaxPoolGrad, { dy: tf.reshape(x, [4, 3, 6, 2]), input, output }, attrs);
  },
  resizeBilinear: (x) => tf.image.resizeBilinear(x as tf.Tensor4D, [5, 4], true),
  "resizeBilinear up": (x) => tf.image.resizeBilinear(x as tf.Tensor4D, [6, 12], false, false),
  resizeNearestNeighbor: (x) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [6, 12]),
};

const backEnds = await availableBackEnds();
const SIZE = 144;

function largest(x: tf.Tensor): number {
  return tf.max(tf.abs(x)).dataSync()[0]!;
}

describe.each(backEnds)("on %s", (backEnd) => {
  it.each(Object.keys(LINEAR))(
    "the gradient of %s is its transpose, and the transpose's gradient is the operation",
    async (name) => {
      await tf.setBackend(backEnd);
      ensureGradients();
      const op = LINEAR[name]!;
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const tensor = (seed: string, shape: number[]) =>
        tf.tensor(Float32Array.from(draw(seed, shape.reduce((a, b) => a * b, 1))), shape); // prettier-ignore
        const x = tensor("x", [4, 3, 6, 2]);
        const v = tensor("v", [4, 3, 6, 2]);
        const forward = op(x);
        const y = tensor("y", forward.shape);
        const scale = Math.sqrt(SIZE) * Math.max(1, largest(forward));

        // ⟨op(x), y⟩ = ⟨x, opᵀ(y)⟩
        const transpose = tf.grad((z) => tf.sum(tf.mul(op(z), y)))(x);
        const gap = tf.sub(tf.sum(tf.mul(forward, y)), tf.sum(tf.mul(x, transpose)));
        expect(Math.abs(gap.dataSync()[0]!) / scale).toBeLessThan(F32_SUM_RTOL);

        // ∇_y ⟨opᵀ(y), v⟩ = op(v)
        const along = (t: tf.Tensor) => tf.sum(tf.mul(tf.grad((z) => tf.sum(tf.mul(op(z), t)))(x), v));
        const again = tf.grad((t) => along(t))(y);
        expect(again.shape).toEqual(forward.shape);
        expect(largest(tf.sub(again, op(v))) / scale).toBeLessThan(F32_SUM_RTOL);
      });
      expect(tf.memory().numTensors).toBe(before);
    },
  );
});
