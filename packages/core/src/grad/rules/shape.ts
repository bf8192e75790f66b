import * as tf from "@tensorflow/tfjs-core";
import { NotDifferentiableError } from "../../errors.ts";
import { constant } from "../differentiable-op.ts";

/** Gradient of a kernel that only moves the elements of `input`: the inverse move of dy. */
function move(
  kernelName: string,
  input: string,
  inverse: (dy: tf.Tensor, x: tf.Tensor, attrs: tf.NamedAttrMap) => tf.Tensor,
): tf.GradConfig {
  return {
    kernelName,
    inputsToSave: [input],
    gradFunc: (dy, saved, attrs) => ({ [input]: () => inverse(dy as tf.Tensor, saved[0]!, attrs) }),
  };
}

/** Sums over the copies that `tf.tile` made, one axis at a time. */
function untile(dy: tf.Tensor, reps: readonly number[]): tf.Tensor {
  let sum = dy;
  reps.forEach((count, axis) => {
    if (count === 1) return;
    const shape = sum.shape;
    const length = shape[axis]! / count;
    const before = shape.slice(0, axis).reduce((a, b) => a * b, 1);
    const after = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    const copies = tf.reshape(sum, [before, count, length * after]);
    sum = tf.reshape(tf.sum(copies, 1), [...shape.slice(0, axis), length, ...shape.slice(axis + 1)]);
  });
  return sum === dy ? tf.clone(dy) : sum;
}

/** Transpose of `tf.gather(x, indices, axis)`: rows of dy summed into the rows they came from. */
function scatterRows(
  dy: tf.Tensor,
  x: tf.Tensor,
  indices: tf.Tensor,
  axis: number,
  batchDims: number,
): tf.Tensor {
  if (batchDims > 0) {
    throw new NotDifferentiableError(
      `gather: a gradient is known for batchDims 0, got ${batchDims}; flatten the batch into the indices`,
    );
  }
  const before = x.shape.slice(0, axis);
  const after = x.shape.slice(axis + 1);
  const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);
  const rows = tf.reshape(dy, [size(before), indices.size, size(after)]);
  const first = tf.transpose(rows, [1, 0, 2]);
  const ids = tf.reshape(indices, [indices.size]) as tf.Tensor1D;
  const summed = tf.unsortedSegmentSum(first, ids, x.shape[axis]!);
  return tf.reshape(tf.transpose(summed, [1, 0, 2]), x.shape);
}

/** Transpose of mirror padding by constant index lists: each axis in turn is gathered, so its transpose is a segment sum. */
function unmirror(dy: tf.Tensor, x: tf.Tensor, attrs: tf.NamedAttrMap): tf.Tensor {
  const paddings = attrs["paddings"] as unknown as [number, number][];
  const edge = attrs["mode"] === "reflect" ? 1 : 0;
  let sum = dy;
  paddings.forEach(([left, right], axis) => {
    const length = x.shape[axis]!;
    const source = Array.from({ length: left + length + right }, (_, i) => {
      const at = i - left;
      if (at < 0) return -at - 1 + edge;
      return at < length ? at : 2 * length - at - 1 - edge;
    });
    const target = sum.shape.map((n, k) => (k === axis ? length : n));
    const ids = tf.tensor1d(source, "int32");
    sum = scatterRows(sum, { shape: target } as tf.Tensor, ids, axis, 0);
  });
  return sum;
}

/** Gradients of the kernels that move, copy, cut or join elements. */
export function shapeGradients(): tf.GradConfig[] {
  return [
    move(tf.ExpandDims, "input", (dy, x) => tf.reshape(dy, x.shape)),
    move(tf.MirrorPad, "x", unmirror),
    move(tf.PadV2, "x", (dy, x, attrs) => {
      const begin = (attrs["paddings"] as unknown as [number, number][]).map(([before]) => before);
      return tf.slice(dy, begin, x.shape);
    }),
    move(tf.Reshape, "x", (dy, x) => tf.reshape(dy, x.shape)),
    move(tf.Reverse, "x", (dy, x, attrs) =>
      tf.reverse(dy, tf.util.parseAxisParam(attrs["dims"] as number | number[], x.shape)),
    ),
    move(tf.Slice, "x", (dy, x, attrs) => {
      const [begin, size] = tf.slice_util.parseSliceParams(
        x,
        attrs["begin"] as number | number[],
        attrs["size"] as number | number[],
      ) as [number[], number[]];
      return tf.pad(
        dy,
        begin.map((at, axis): [number, number] => [at, x.shape[axis]! - at - size[axis]!]),
      );
    }),
    move(tf.Tile, "x", (dy, _, attrs) => untile(dy, attrs["reps"] as number[])),
    {
      kernelName: tf.Transpose,
      gradFunc: (dy, _, attrs) => {
        const permutation = attrs["perm"] as number[];
        const inverse = permutation.map((__, axis) => permutation.indexOf(axis));
        return { x: () => tf.transpose(dy as tf.Tensor, inverse) };
      },
    },
    {
      kernelName: tf.Concat,
      saveAllInputs: true,
      gradFunc: (dy, saved, attrs) => {
        const axis = tf.util.parseAxisParam(attrs["axis"] as number, saved[0]!.shape)[0]!;
        const parts = tf.split(
          dy as tf.Tensor,
          saved.map((x) => x.shape[axis]!),
          axis,
        );
        return Object.fromEntries(parts.map((part, i) => [i, () => part]));
      },
    },
    {
      kernelName: tf.SplitV,
      gradFunc: (dys, _, attrs) => ({
        x: () => (Array.isArray(dys) ? tf.concat(dys, attrs["axis"] as number) : tf.clone(dys)),
      }),
    },
    {
      kernelName: tf.Pack,
      saveAllInputs: true,
      gradFunc: (dy, _, attrs) => {
        const parts = tf.unstack(dy as tf.Tensor, attrs["axis"] as number);
        return Object.fromEntries(parts.map((part, i) => [i, () => part]));
      },
    },
    {
      kernelName: tf.Unpack,
      gradFunc: (dys, _, attrs) => ({
        value: () => tf.stack(Array.isArray(dys) ? dys : [dys], attrs["axis"] as number),
      }),
    },
    {
      kernelName: tf.GatherV2,
      inputsToSave: ["x", "indices"],
      gradFunc: (dy, saved, attrs) => {
        const [x, indices] = saved as [tf.Tensor, tf.Tensor];
        const axis = tf.util.parseAxisParam(attrs["axis"] as number, x.shape)[0]!;
        return {
          x: () => scatterRows(dy as tf.Tensor, x, indices, axis, attrs["batchDims"] as number),
          indices: () => tf.zeros(indices.shape),
        };
      },
    },
    {
      kernelName: tf.UnsortedSegmentSum,
      inputsToSave: ["segmentIds"],
      gradFunc: (dy, saved) => ({
        x: () => {
          const ids = saved[0]! as tf.Tensor1D;
          const known = constant(() => tf.maximum(ids, tf.scalar(0, "int32")));
          const present = constant(() => tf.cast(tf.greaterEqual(ids, tf.scalar(0, "int32")), "float32"));
          const rows = tf.gather(dy as tf.Tensor, known);
          return tf.mul(rows, tf.reshape(present, [ids.size, ...rows.shape.slice(1).map(() => 1)]));
        },
      }),
    },
    {
      kernelName: tf.GatherNd,
      inputsToSave: ["params", "indices"],
      gradFunc: (dy, saved) => ({
        params: () => tf.scatterND(saved[1]!, dy as tf.Tensor, saved[0]!.shape),
        indices: () => tf.zeros(saved[1]!.shape),
      }),
    },
    {
      kernelName: tf.ScatterNd,
      inputsToSave: ["indices"],
      gradFunc: (dy, saved) => ({
        updates: () => tf.gatherND(dy as tf.Tensor, saved[0]!),
        indices: () => tf.zeros(saved[0]!.shape),
      }),
    },
  ];
}
