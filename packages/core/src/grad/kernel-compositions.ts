import * as tf from "@tensorflow/tfjs-core";
import { BackendError } from "../errors.ts";
import type { Composition } from "./compositions/composition.ts";
import { conv2DBackpropFilter, conv2DBackpropInput } from "./compositions/convolution.ts";
import { oneHot } from "./compositions/one-hot.ts";
import { padV2 } from "./compositions/padding.ts";
import { avgPoolGrad, maxPoolGrad } from "./compositions/pooling.ts";

/** Sums rows by segment as a product with the one-hot matrix of the segments. */
const unsortedSegmentSum: Composition = ({ x, segmentIds }, attrs) => {
  const count = attrs["numSegments"] as number;
  const inner = x!.shape.slice(1);
  const size = inner.reduce((a, b) => a * b, 1);
  const segments = tf.cast(
    tf.equal(tf.expandDims(segmentIds!, 0), tf.expandDims(tf.range(0, count, 1, "int32"), 1)),
    "float32",
  );
  return tf.reshape(tf.matMul(segments, tf.reshape(x!, [x!.shape[0]!, size])), [count, ...inner]);
};

/** Terms that one program of WebGPU may always have: eight storage buffers are guaranteed, and one is the result. */
const WEBGPU_TERMS = 7;

/** A long sum by parts; a short one is left to the back end. */
const addN: Composition = (inputs) => {
  const terms = Object.values(inputs);
  if (terms.length <= WEBGPU_TERMS) return undefined;
  const parts: tf.Tensor[] = [];
  for (let i = 0; i < terms.length; i += WEBGPU_TERMS) parts.push(tf.addN(terms.slice(i, i + WEBGPU_TERMS)));
  return tf.addN(parts);
};

/** Kernels that are composed where a back end lacks them (WASM has no filter gradient). */
const compositions: Readonly<Record<string, Composition>> = {
  [tf.AddN]: addN,
  [tf.AvgPoolGrad]: avgPoolGrad,
  [tf.Conv2DBackpropFilter]: conv2DBackpropFilter,
  [tf.Conv2DBackpropInput]: conv2DBackpropInput,
  [tf.MaxPoolGrad]: maxPoolGrad,
  [tf.PadV2]: padV2,
  [tf.OneHot]: oneHot,
  [tf.UnsortedSegmentSum]: unsortedSegmentSum,
};

/** Kernels that are composed although the back end has one. */
const REPLACED: Readonly<Record<string, ReadonlySet<string>>> = {
  wasm: new Set([
    // Ten times slower than the same as a convolution.
    tf.Conv2DBackpropInput,
    // Wrong in tfjs 4.22: the search for a window's maximum starts at the smallest positive float, so a window without a
    // positive element gets no gradient.
    tf.MaxPoolGrad,
    // Wrong in tfjs 4.22: writes whole numbers into tensors of floats, whose bits then mean almost 0.
    tf.OneHot,
  ]),
  webgpu: new Set([
    // One storage buffer a term in tfjs 4.22: a program of many terms is refused, and its result is whatever lay there.
    tf.AddN,
    // Gives the gradient of a tie to its last element, where all others give it to the first. Overlapping windows are left to it.
    tf.MaxPoolGrad,
    // Its source does not compile for more than four axes.
    tf.PadV2,
  ]),
};

/** The compositions that this module registered. */
const registered = new WeakSet<tf.KernelConfig>();

/** Registers a composition for every kernel of the table that the current back end lacks or has badly. Idempotent. */
export function ensureKernels(): void {
  const backendName = tf.getBackend();
  for (const [kernelName, compose] of Object.entries(compositions)) {
    const own = tf.getKernel(kernelName, backendName) as tf.KernelConfig | undefined;
    if (own !== undefined) {
      if (REPLACED[backendName]?.has(kernelName) !== true || registered.has(own)) continue;
      tf.unregisterKernel(kernelName, backendName);
    }
    const composition: tf.KernelConfig = {
      kernelName,
      backendName,
      kernelFunc: (params) => {
        // The engine passes the tensors themselves (or stand-ins that carry a shape only).
        const inputs = params.inputs as unknown as Readonly<Record<string, tf.Tensor>>;
        const result = tf.tidy(() => compose(inputs, params.attrs ?? {})!);
        return (result as tf.Tensor | undefined) ?? refuseOr(own, kernelName, backendName)(params);
      },
    };
    tf.registerKernel(composition);
    registered.add(composition);
  }
}

function refuseOr(own: tf.KernelConfig | undefined, kernelName: string, backendName: string): tf.KernelFunc {
  if (own === undefined) {
    throw new BackendError(
      `${kernelName}: back end "${backendName}" has no such kernel for these inputs; choose another back end`,
    );
  }
  return own.kernelFunc;
}
