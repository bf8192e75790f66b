import * as tf from "@tensorflow/tfjs-core";
import { areFloats, type KernelCall, type KernelTable } from "./native-kernel.ts";

interface PoolAttrs {
  readonly filterSize: [number, number] | number;
  readonly strides: [number, number] | number;
  readonly pad: tf.MaxPoolAttrs["pad"];
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
}

interface Pooling {
  readonly info: tf.backend_util.Conv2DInfo;
  /** In the order of the addon's functions. */
  readonly shape: number[];
}

function pooling(call: KernelCall, inputShape: number[]): Pooling | undefined {
  const { filterSize, strides, pad, dimRoundingMode } = call.attrs as unknown as PoolAttrs;
  const shape = inputShape as [number, number, number, number];
  const info = tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  if (info.outHeight < 1 || info.outWidth < 1) return undefined;
  return {
    info,
    shape: [
      info.batchSize,
      info.inHeight,
      info.inWidth,
      info.inChannels,
      info.filterHeight,
      info.filterWidth,
      info.strideHeight,
      info.strideWidth,
      info.padInfo.top,
      info.padInfo.left,
      info.outHeight,
      info.outWidth,
    ],
  };
}

function forward(call: KernelCall, kind: "avgPool" | "maxPool"): tf.TensorInfo | undefined {
  const x = call.inputs["x"]!;
  const { backend } = call;
  if (!areFloats(x)) return undefined;
  const pool = pooling(call, x.shape);
  if (pool === undefined) return undefined;
  const { inShape, outShape, filterHeight, filterWidth } = pool.info;
  if (filterHeight === 1 && filterWidth === 1 && tf.util.arraysEqual(inShape, outShape)) {
    return backend.reshaped(x, x.shape);
  }
  return backend.produce(outShape, (y) => backend.addon[kind](pool.shape, backend.floats(x), y));
}

function avgPoolGrad(call: KernelCall): tf.TensorInfo | undefined {
  const { inputs, backend } = call;
  const [dy, x] = [inputs["dy"]!, inputs["input"]!];
  if (!areFloats(dy, x)) return undefined;
  const pool = pooling(call, x.shape);
  if (pool === undefined) return undefined;
  return backend.produce(x.shape, (dx) => backend.addon.avgPoolGrad(pool.shape, backend.floats(dy), dx));
}

function maxPoolGrad(call: KernelCall): tf.TensorInfo | undefined {
  const { inputs, backend } = call;
  const [dy, x] = [inputs["dy"]!, inputs["input"]!];
  if (!areFloats(dy, x)) return undefined;
  const pool = pooling(call, x.shape);
  if (pool === undefined) return undefined;
  return backend.produce(x.shape, (dx) =>
    backend.addon.maxPoolGrad(pool.shape, backend.floats(x), backend.floats(dy), dx),
  );
}

/** Average and maximum pooling of images, with their gradients. */
export const poolingKernels: KernelTable = {
  [tf.AvgPool]: (call) => forward(call, "avgPool"),
  [tf.AvgPoolGrad]: avgPoolGrad,
  [tf.MaxPool]: (call) => forward(call, "maxPool"),
  [tf.MaxPoolGrad]: maxPoolGrad,
};
