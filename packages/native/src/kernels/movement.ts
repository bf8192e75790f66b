import * as tf from "@tensorflow/tfjs-core";
import type { NativeBackend } from "../native-backend.ts";
import { areFloats, denseStrides, type KernelCall, type KernelTable, sizeOf } from "./native-kernel.ts";

/** A dense tensor of `shape` read from `x` with any strides. */
function readStrided(
  backend: NativeBackend,
  x: tf.TensorInfo,
  shape: readonly number[],
  offset: number,
  strides: readonly number[],
): tf.TensorInfo {
  return backend.produce(shape, (y) =>
    backend.addon.stridedCopy(shape, backend.floats(x), offset, strides, y, 0, denseStrides(shape)),
  );
}

function offsetOf(begin: readonly number[], strides: readonly number[]): number {
  return begin.reduce((sum, at, i) => sum + at * strides[i]!, 0);
}

function slicePart(
  backend: NativeBackend,
  x: tf.TensorInfo,
  begin: readonly number[],
  size: readonly number[],
) {
  const strides = denseStrides(x.shape);
  return readStrided(backend, x, size, offsetOf(begin, strides), strides);
}

function slice({ inputs, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const x = inputs["x"]!;
  if (!areFloats(x)) return undefined;
  const [begin, size] = tf.slice_util.parseSliceParams(
    x as tf.Tensor,
    attrs["begin"] as number[],
    attrs["size"] as number[],
  ) as [number[], number[]];
  tf.slice_util.assertParamsValid(x, begin, size);
  return sizeOf(size) === 0 ? undefined : slicePart(backend, x, begin, size);
}

function stridedSlice({ inputs, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const x = inputs["x"]!;
  if (!areFloats(x)) return undefined;
  const a = attrs as unknown as tf.StridedSliceAttrs;
  const info = tf.slice_util.sliceInfo(
    x.shape,
    a.begin,
    a.end,
    a.strides,
    a.beginMask,
    a.endMask,
    a.ellipsisMask,
    a.newAxisMask,
    a.shrinkAxisMask,
  );
  if (info.isIdentity) return backend.reshaped(x, info.finalShape);
  const size = tf.slice_util.computeOutShape(info.begin, info.end, info.strides);
  const count = sizeOf(info.finalShape);
  if (count === 0 || size.length !== x.shape.length || sizeOf(size) !== count) return undefined;
  const dense = denseStrides(x.shape);
  const strides = dense.map((stride, i) => stride * info.strides[i]!);
  const values = backend.pool.floats(sizeOf(size));
  backend.addon.stridedCopy(
    size,
    backend.floats(x),
    offsetOf(info.begin, dense),
    strides,
    values,
    0,
    denseStrides(size),
  );
  return backend.store(values, info.finalShape, "float32");
}

function split({ inputs, attrs, backend }: KernelCall): tf.TensorInfo[] | undefined {
  const x = inputs["x"]!;
  if (!areFloats(x)) return undefined;
  const axis = tf.util.parseAxisParam(attrs["axis"] as number, x.shape)[0]!;
  const sizes = tf.backend_util.prepareSplitSize(
    x as tf.Tensor,
    attrs["numOrSizeSplits"] as number | number[],
    axis,
  );
  if (sizes.some((size) => size === 0)) return undefined;
  let at = 0;
  return sizes.map((size) => {
    const begin = x.shape.map((_, i) => (i === axis ? at : 0));
    at += size;
    return slicePart(
      backend,
      x,
      begin,
      x.shape.map((length, i) => (i === axis ? size : length)),
    );
  });
}

function unpack({ inputs, attrs, backend }: KernelCall): tf.TensorInfo[] | undefined {
  const value = inputs["value"]!;
  if (!areFloats(value)) return undefined;
  const axis = tf.util.parseAxisParam(attrs["axis"] as number, value.shape)[0]!;
  const strides = denseStrides(value.shape);
  const without = <T>(list: readonly T[]) => [...list.slice(0, axis), ...list.slice(axis + 1)];
  return Array.from({ length: value.shape[axis]! }, (_, i) =>
    readStrided(backend, value, without(value.shape), i * strides[axis]!, without(strides)),
  );
}

/** Writes `parts` one after the other along `axis` of a tensor of `shape`. */
function join(
  backend: NativeBackend,
  parts: readonly tf.TensorInfo[],
  shape: readonly number[],
  axis: number,
) {
  const strides = denseStrides(shape);
  return backend.produce(shape, (y) => {
    let at = 0;
    for (const part of parts) {
      const dense = denseStrides(part.shape);
      backend.addon.stridedCopy(part.shape, backend.floats(part), 0, dense, y, at * strides[axis]!, strides);
      at += part.shape[axis]!;
    }
  });
}

function concat({ inputs, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const parts = Object.values(inputs);
  const first = parts[0];
  if (first === undefined || parts.some((part) => part.dtype !== "float32")) return undefined;
  const axis = tf.util.parseAxisParam(attrs["axis"] as number, first.shape)[0]!;
  const shapes = parts.map((part) => part.shape);
  tf.backend_util.assertParamsConsistent(shapes, axis);
  const shape = tf.backend_util.computeOutShape(shapes, axis);
  const full = parts.filter((part) => sizeOf(part.shape) > 0);
  return full.length < 2 ? undefined : join(backend, full, shape, axis);
}

function pack({ inputs, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const parts = Object.values(inputs);
  const first = parts[0];
  if (first === undefined || parts.length < 2 || !areFloats(...parts)) return undefined;
  for (const part of parts) {
    tf.util.assertShapesMatch(
      first.shape,
      part.shape,
      "All tensors passed to stack must have matching shapes",
    );
  }
  const axis = attrs["axis"] as number;
  const at = axis < 0 ? axis + first.shape.length + 1 : axis;
  const tall = parts.map((part) => ({
    ...part,
    shape: [...part.shape.slice(0, at), 1, ...part.shape.slice(at)],
  }));
  const shape = [...first.shape.slice(0, at), parts.length, ...first.shape.slice(at)];
  return join(backend, tall, shape, at);
}

function pad({ inputs, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const x = inputs["x"]!;
  const paddings = attrs["paddings"] as [number, number][];
  if (!areFloats(x) || paddings.flat().some((n) => n < 0)) return undefined;
  const shape = x.shape.map((length, i) => paddings[i]![0] + length + paddings[i]![1]);
  const strides = denseStrides(shape);
  const offset = offsetOf(
    paddings.map(([before]) => before),
    strides,
  );
  return backend.produce(shape, (y) => {
    backend.addon.fill(y, (attrs["constantValue"] as number | undefined) ?? 0);
    backend.addon.stridedCopy(x.shape, backend.floats(x), 0, denseStrides(x.shape), y, offset, strides);
  });
}

function tile({ inputs, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const x = inputs["x"]!;
  const reps = attrs["reps"] as number[];
  if (!areFloats(x) || reps.length !== x.shape.length || reps.some((n) => n < 1)) return undefined;
  const strides = denseStrides(x.shape);
  const shape = x.shape.map((length, i) => length * reps[i]!);
  // Every axis becomes two: the repetitions (stride 0) and the elements.
  const twice = x.shape.flatMap((length, i) => [reps[i]!, length]);
  const walk = strides.flatMap((stride) => [0, stride]);
  if (twice.length > 16) return undefined;
  return backend.produce(shape, (y) =>
    backend.addon.stridedCopy(twice, backend.floats(x), 0, walk, y, 0, denseStrides(twice)),
  );
}

function reverse({ inputs, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const x = inputs["x"]!;
  if (!areFloats(x) || x.shape.length === 0) return undefined;
  const axes = tf.util.parseAxisParam(attrs["dims"] as number[], x.shape);
  const strides = denseStrides(x.shape);
  const begin = x.shape.map((length, i) => (axes.includes(i) ? length - 1 : 0));
  const walk = strides.map((stride, i) => (axes.includes(i) ? -stride : stride));
  return readStrided(backend, x, x.shape, offsetOf(begin, strides), walk);
}

function transpose({ inputs, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const x = inputs["x"]!;
  const perm = attrs["perm"] as number[];
  if (!areFloats(x)) return undefined;
  const strides = denseStrides(x.shape);
  const shape = perm.map((i) => x.shape[i]!);
  return readStrided(
    backend,
    x,
    shape,
    0,
    perm.map((i) => strides[i]!),
  );
}

function gather({ inputs, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const [x, indices] = [inputs["x"]!, inputs["indices"]!];
  if (!areFloats(x) || indices.dtype !== "int32" || sizeOf(indices.shape) === 0) return undefined;
  const axis = tf.util.parseAxisParam(attrs["axis"] as number, x.shape)[0]!;
  const info = tf.backend_util.segment_util.collectGatherOpShapeInfo(
    x as tf.Tensor,
    indices as tf.Tensor,
    axis,
    (attrs["batchDims"] as number | undefined) ?? 0,
  );
  const { batchSize, outerSize, dimSize, sliceSize } = info;
  const many = sizeOf(indices.shape) / batchSize;
  return backend.produce(info.outputShape, (y) =>
    backend.addon.gather(
      [batchSize, outerSize, dimSize, sliceSize],
      many,
      backend.floats(x),
      backend.ints(indices),
      y,
    ),
  );
}

function unsortedSegmentSum({ inputs, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const [x, ids] = [inputs["x"]!, inputs["segmentIds"]!];
  const segments = attrs["numSegments"] as number;
  if (!areFloats(x) || ids.dtype !== "int32" || ids.shape.length !== 1 || segments < 1) return undefined;
  const [n, ...rest] = x.shape;
  if (n !== ids.shape[0]) return undefined;
  return backend.produce([segments, ...rest], (y) =>
    backend.addon.segmentSum([n!, sizeOf(rest)], segments, backend.floats(x), backend.ints(ids), y),
  );
}

function oneHot({ inputs, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const indices = inputs["indices"]!;
  const { depth, onValue, offValue, dtype } = attrs as unknown as tf.OneHotAttrs;
  const shape = [...indices.shape, depth];
  if (dtype !== "float32" || indices.dtype !== "int32" || sizeOf(shape) === 0) return undefined;
  return backend.produce(shape, (y) =>
    backend.addon.oneHot(depth, backend.ints(indices), onValue, offValue, y),
  );
}

/** Kernels that only move numbers. */
export const movementKernels: KernelTable = {
  [tf.Concat]: concat,
  [tf.GatherV2]: gather,
  [tf.OneHot]: oneHot,
  [tf.Pack]: pack,
  [tf.PadV2]: pad,
  [tf.Reverse]: reverse,
  [tf.Slice]: slice,
  [tf.SplitV]: split,
  [tf.StridedSlice]: stridedSlice,
  [tf.Tile]: tile,
  [tf.Transpose]: transpose,
  [tf.Unpack]: unpack,
  [tf.UnsortedSegmentSum]: unsortedSegmentSum,
};
