import * as tf from "@tensorflow/tfjs-core";
import { castKernel } from "./cast-kernel.ts";
import { convBlockKernels } from "./conv-block-kernels.ts";

const BACKEND = "webgpu";

let registered: tf.KernelFunc | undefined;

/** Registers Limbeck's own kernels with tfjs's WebGPU back end, once: the fused block, and a cast that converts. */
export function registerWebgpuKernels(): void {
  const own = tf.getKernel(tf.Cast, BACKEND).kernelFunc;
  if (own === registered) return;
  registered = castKernel(own);
  tf.unregisterKernel(tf.Cast, BACKEND);
  tf.registerKernel({ kernelName: tf.Cast, backendName: BACKEND, kernelFunc: registered });
  for (const [kernelName, kernelFunc] of Object.entries(convBlockKernels)) {
    tf.registerKernel({ kernelName, backendName: BACKEND, kernelFunc });
  }
}
