import * as tf from "@tensorflow/tfjs-core";
import { castKernel } from "./cast-kernel.ts";
import { convBlockKernels } from "./conv-block-kernels.ts";
import { convolutionKernels } from "./convolution-kernels.ts";

const BACKEND = "webgpu";

const REPLACED = [tf.Cast, tf.Conv2D, tf.Conv2DBackpropInput, tf.Conv2DBackpropFilter];

let registered: tf.KernelFunc | undefined;

/** Registers Limbeck's own kernels with tfjs's WebGPU back end, once: the fused block, convolutions, and a cast that converts. */
export function registerWebgpuKernels(): void {
  const own = Object.fromEntries(REPLACED.map((name) => [name, tf.getKernel(name, BACKEND).kernelFunc]));
  if (own[tf.Cast] === registered) return;
  registered = castKernel(own[tf.Cast]!);
  for (const [kernelName, kernelFunc] of Object.entries({
    [tf.Cast]: registered,
    ...convolutionKernels(own),
    ...convBlockKernels,
  })) {
    if (kernelName in own) tf.unregisterKernel(kernelName, BACKEND);
    tf.registerKernel({ kernelName, backendName: BACKEND, kernelFunc });
  }
}
