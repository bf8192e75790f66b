import * as tf from "@tensorflow/tfjs-core";
import { areFloats, type KernelCall, type KernelTable, type NativeKernel, sizeOf } from "./native-kernel.ts";

/** Reduction over the axes that attribute `axisName` lists; all axes where it is absent. */
function reduction(operation: string, axisName: string): NativeKernel {
  let index = -1;
  return ({ inputs, attrs, backend }) => {
    const x = inputs["x"]!;
    if (!areFloats(x)) return undefined;
    if (index < 0) index = backend.addon.reduceNames().indexOf(operation);
    const axes = tf.util.parseAxisParam(attrs[axisName] as number | number[], x.shape);
    const [short] = tf.backend_util.computeOutAndReduceShapes(x.shape, axes);
    const shape = attrs["keepDims"] === true ? tf.backend_util.expandShapeToKeepDim(short, axes) : short;
    return backend.produce(shape, (y) => backend.addon.reduce(index, x.shape, axes, backend.floats(x), y));
  };
}

/** Sizes before, along and after one axis. */
function around(shape: readonly number[], axis: number): [outer: number, length: number, inner: number] {
  return [sizeOf(shape.slice(0, axis)), shape[axis]!, sizeOf(shape.slice(axis + 1))];
}

function argExtreme(largest: boolean): NativeKernel {
  return ({ inputs, attrs, backend }) => {
    const x = inputs["x"]!;
    const axes = tf.util.parseAxisParam(attrs["axis"] as number, x.shape);
    const [axis] = axes;
    if (!areFloats(x) || axes.length !== 1 || axis === undefined) return undefined;
    const [outer, length, inner] = around(x.shape, axis);
    const y = backend.pool.ints(outer * inner);
    backend.addon.argExtreme(largest, [outer, length, inner], backend.floats(x), y);
    return backend.store(y, [...x.shape.slice(0, axis), ...x.shape.slice(axis + 1)], "int32");
  };
}

function cumsum({ inputs, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const x = inputs["x"]!;
  const [axis] = tf.util.parseAxisParam(attrs["axis"] as number, x.shape);
  if (!areFloats(x) || axis === undefined) return undefined;
  return backend.produce(x.shape, (y) =>
    backend.addon.cumulativeSum(
      around(x.shape, axis),
      backend.floats(x),
      y,
      attrs["exclusive"] === true,
      attrs["reverse"] === true,
    ),
  );
}

function softmax(logarithm: boolean, axisName: string): NativeKernel {
  return ({ inputs, attrs, backend }) => {
    const logits = inputs["logits"]!;
    const rank = logits.shape.length;
    const given = (attrs[axisName] as number | undefined) ?? -1;
    const axis = given < 0 ? given + rank : given;
    if (!areFloats(logits) || rank === 0 || axis !== rank - 1) return undefined;
    const columns = logits.shape[axis]!;
    const rows = sizeOf(logits.shape) / columns;
    return backend.produce(logits.shape, (y) =>
      backend.addon.softmax(backend.floats(logits), y, rows, columns, logarithm),
    );
  };
}

/** Kernels that join the elements along axes. */
export const reductionKernels: KernelTable = {
  [tf.ArgMax]: argExtreme(true),
  [tf.ArgMin]: argExtreme(false),
  [tf.Cumsum]: cumsum,
  [tf.LogSoftmax]: softmax(true, "axis"),
  [tf.Max]: reduction("max", "reductionIndices"),
  [tf.Mean]: reduction("mean", "axis"),
  [tf.Min]: reduction("min", "axis"),
  [tf.Prod]: reduction("prod", "axis"),
  [tf.Softmax]: softmax(false, "dim"),
  [tf.Sum]: reduction("sum", "axis"),
};
