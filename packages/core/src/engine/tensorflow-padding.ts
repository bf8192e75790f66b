import * as tf from "@tensorflow/tfjs-core";

/** The kernels of a convolution and its two derivatives; tfjs-node has them for padding `valid` and `same` only. */
const WRAPPED = {
  [tf.Conv2D]: padInput,
  [tf.Conv2DBackpropFilter]: (kernel: tf.KernelFunc, args: Arguments, paddings: Paddings) =>
    padInput((padded) => withoutRest(kernel, padded), args, paddings),
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
        if (pad === "valid" || pad === 0) {
          const valid = withValid(args, {});
          return kernelName === tf.Conv2DBackpropFilter ? withoutRest(kernelFunc, valid) : kernelFunc(valid);
        }
        if (typeof pad !== "number") return kernelFunc(args);
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

/**
 * The filter's gradient from the part of the input that windows cover. In TensorFlow 2.21 the oneDNN kernel writes beyond its memory
 * where a stride leaves rows or columns at the end that no window reaches; they add nothing.
 */
function withoutRest(kernel: tf.KernelFunc, args: Arguments): tf.Tensor {
  const { x, dy } = args.inputs as unknown as { readonly x: tf.Tensor4D; readonly dy: tf.Tensor4D };
  const filter = args.attrs!["filterShape"] as Shape4D;
  const along = (name: string, axis: number): number => {
    const given = (args.attrs![name] ?? 1) as number | readonly number[];
    return typeof given === "number" ? given : given[axis]!;
  };
  const covered = ([0, 1] as const).map((axis) => {
    const window = (filter[axis] - 1) * along("dilations", axis) + 1;
    return (dy.shape[axis + 1]! - 1) * along("strides", axis) + window;
  });
  const [height, width] = covered as [number, number];
  if (height === x.shape[1] && width === x.shape[2]) return kernel(args) as tf.Tensor;
  return tf.tidy(() => {
    const part = tf.slice(x, [0, 0, 0, 0], [x.shape[0], height, width, x.shape[3]]);
    return kernel({ ...args, inputs: { ...args.inputs, x: part } }) as tf.Tensor;
  });
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
