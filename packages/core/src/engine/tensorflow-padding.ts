import * as tf from "@tensorflow/tfjs-core";

/** The kernels of a convolution and its two derivatives; tfjs-node has them for padding `valid` and `same` only. */
const WRAPPED = {
  [tf.Conv2D]: padInput,
  [tf.Conv2DBackpropFilter]: padInput,
  [tf.Conv2DBackpropInput]: padGradient,
} as const;

type Shape4D = [number, number, number, number];
type Paddings = [[number, number], [number, number], [number, number], [number, number]];
type Arguments = Parameters<tf.KernelFunc>[0];

/**
 * Teaches the TensorFlow back end convolutions whose padding is a number, as every other back end of tfjs has them: the
 * input is padded first and convolved with `valid`. Layout NHWC. Call once after the package was loaded.
 */
export function registerNumericPadding(): void {
  for (const [kernelName, wrap] of Object.entries(WRAPPED)) {
    const kernel = tf.getKernel(kernelName, "tensorflow");
    const { kernelFunc } = kernel;
    tf.unregisterKernel(kernelName, "tensorflow");
    tf.registerKernel({
      ...kernel,
      kernelFunc: (args) => {
        const pad = args.attrs?.["pad"];
        if (typeof pad !== "number") return kernelFunc(args);
        if (pad === 0) return kernelFunc(withValid(args, {}));
        const paddings: Paddings = [[0, 0], [pad, pad], [pad, pad], [0, 0]]; // prettier-ignore
        return tf.tidy(() => wrap(kernelFunc, args, paddings)) as tf.TensorInfo;
      },
    });
  }
}

function padInput(kernel: tf.KernelFunc, args: Arguments, paddings: Paddings): tf.Tensor {
  const x = tf.pad(args.inputs["x"] as tf.Tensor4D, paddings);
  return kernel({ ...withValid(args, {}), inputs: { ...args.inputs, x } }) as tf.Tensor;
}

/** The gradient in the padded input, without its border. */
function padGradient(kernel: tf.KernelFunc, args: Arguments, paddings: Paddings): tf.Tensor {
  const inputShape = args.attrs!["inputShape"] as Shape4D;
  const padded = inputShape.map((size, axis) => size + paddings[axis]![0] + paddings[axis]![1]);
  const dx = kernel(withValid(args, { inputShape: padded })) as tf.Tensor4D;
  return tf.slice(dx, paddings.map(([before]) => before) as Shape4D, inputShape);
}

function withValid(args: Arguments, attrs: tf.NamedAttrMap): Arguments {
  return { ...args, attrs: { ...args.attrs, ...attrs, pad: "valid" } };
}
