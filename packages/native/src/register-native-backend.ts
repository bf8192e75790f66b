import * as tf from "@tensorflow/tfjs-core";
import { addon } from "./addon.ts";
import { convBlockKernels } from "./kernels/conv-block.ts";
import { elementwiseKernels } from "./kernels/elementwise.ts";
import { movementKernels } from "./kernels/movement.ts";
import type { KernelTable } from "./kernels/native-kernel.ts";
import { poolingKernels } from "./kernels/pooling.ts";
import { productKernels } from "./kernels/product.ts";
import { reductionKernels } from "./kernels/reduction.ts";
import { resamplingKernels } from "./kernels/resampling.ts";
import { NativeBackend } from "./native-backend.ts";

/** Name under which the back end is registered with tfjs. */
export const NATIVE_BACKEND = "native";

const nativeKernels: KernelTable = {
  ...convBlockKernels,
  ...elementwiseKernels,
  ...movementKernels,
  ...poolingKernels,
  ...productKernels,
  ...reductionKernels,
  ...resamplingKernels,
};

/** Names of the kernels that run in C++, sorted. */
export function nativeKernelNames(): string[] {
  return Object.keys(nativeKernels).sort();
}

let backend: NativeBackend | undefined;

/** The back end in use, if it was ever chosen. */
export function currentBackend(): NativeBackend | undefined {
  return backend;
}

/** A kernel that tries C++ first and answers with the plain back end's kernel where that declines. */
function withFallback(name: string, plain: tf.KernelFunc | undefined): tf.KernelFunc {
  const native = nativeKernels[name];
  if (native === undefined) return plain!;
  return (params) => {
    const call = params as unknown as Parameters<typeof native>[0];
    const result = native(call.attrs === undefined ? { ...call, attrs: {} } : call);
    if (result !== undefined) return result;
    if (plain === undefined)
      throw new Error(`${name}: these inputs are not supported by the native back end`);
    return plain(params);
  };
}

/**
 * Registers the back end `native` with tfjs (priority 3: above WASM and plain JavaScript). All kernels of the plain back end
 * are there; the hot ones run in C++ on float32. Choose it with `tf.setBackend("native")`. Repeated calls do nothing.
 *
 * @throws {Error} if the addon cannot be loaded; see `loadNative`.
 */
export function registerNativeBackend(): void {
  const native = addon();
  if (tf.findBackendFactory(NATIVE_BACKEND) != null) return;
  tf.registerBackend(NATIVE_BACKEND, () => (backend = new NativeBackend(native)), 3);
  const plain = new Map(
    tf.getKernelsForBackend("cpu").map((kernel) => [kernel.kernelName, kernel.kernelFunc]),
  );
  for (const kernelName of new Set([...plain.keys(), ...Object.keys(nativeKernels)])) {
    if (tf.getKernel(kernelName, NATIVE_BACKEND) !== undefined) continue;
    const kernelFunc = withFallback(kernelName, plain.get(kernelName));
    tf.registerKernel({ kernelName, backendName: NATIVE_BACKEND, kernelFunc });
  }
}
