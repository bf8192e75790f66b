import type * as tf from "@tensorflow/tfjs-core";
import type { NativeBackend } from "../native-backend.ts";

/** One kernel call: inputs and attributes by tfjs's names. */
export interface KernelCall {
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly backend: NativeBackend;
}

/**
 * A kernel in C++. Undefined: not for these inputs (another dtype, an empty tensor, a rare option); the plain back end's
 * kernel then answers.
 */
export type NativeKernel = (call: KernelCall) => tf.TensorInfo | tf.TensorInfo[] | undefined;

/** Kernels by tfjs's kernel names. */
export type KernelTable = Readonly<Record<string, NativeKernel>>;

/** Number of elements. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const length of shape) size *= length;
  return size;
}

/** True if all tensors are float32 and none is empty: what the C++ kernels take. */
export function areFloats(...infos: (tf.TensorInfo | undefined | null)[]): boolean {
  return infos.every((info) => info == null || (info.dtype === "float32" && sizeOf(info.shape) > 0));
}

/** Strides of a dense array. */
export function denseStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  for (let i = shape.length - 1, stride = 1; i >= 0; stride *= shape[i]!, i--) strides[i] = stride;
  return strides;
}
