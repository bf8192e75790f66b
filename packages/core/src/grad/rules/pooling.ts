import * as tf from "@tensorflow/tfjs-core";
import { NotDifferentiableError } from "../../errors.ts";
import { constant, differentiableOp1 } from "../differentiable-op.ts";

function poolingAttributes(attrs: tf.NamedAttrMap): tf.NamedAttrMap {
  const names = ["filterSize", "strides", "pad", "dimRoundingMode"];
  return Object.fromEntries(names.map((name) => [name, attrs[name]!]));
}

/**
 * Transpose of average pooling: spreads dy `[N, ph, pw, C]` over its windows in `[N, H, W, C]`. Linear in dy, so its own
 * transpose is average pooling again.
 */
export function spreadAverage(dy: tf.Tensor4D, inputShape: number[], attrs: tf.NamedAttrMap): tf.Tensor4D {
  const attributes = poolingAttributes(attrs);
  return differentiableOp1<tf.Tensor4D>({
    inputs: { dy },
    // Kernels read only the shape of `input`; dy's own data stand in for it, so that nothing large is kept alive.
    forward: () => {
      const input = { dataId: dy.dataId, shape: inputShape, dtype: dy.dtype } as tf.TensorInfo as tf.Tensor;
      return tf.engine().runKernel(tf.AvgPoolGrad, { dy, input }, attributes);
    },
    backward: (ddx) => ({ dy: () => tf.engine().runKernel(tf.AvgPool, { x: ddx }, attributes) }),
  });
}

/**
 * Transpose of max pooling at `input`: puts dy where the maxima were. Linear in dy; its transpose picks the same places.
 */
function scatterMaximum(
  dy: tf.Tensor4D,
  input: tf.Tensor4D,
  output: tf.Tensor4D,
  attrs: tf.NamedAttrMap,
): tf.Tensor4D {
  const attributes = poolingAttributes(attrs);
  return differentiableOp1<tf.Tensor4D>({
    inputs: { dy },
    forward: (save) => {
      save([input, output]);
      return tf.engine().runKernel(tf.MaxPoolGrad, { dy, input, output }, attributes);
    },
    backward: (ddx, saved) => ({
      dy: () => pickMaximum(ddx, saved[0] as tf.Tensor4D, saved[1] as tf.Tensor4D, attributes),
    }),
  });
}

/** The elements of `ddx` at the maxima of `input`, for windows that do not overlap. */
function pickMaximum(
  ddx: tf.Tensor4D,
  input: tf.Tensor4D,
  output: tf.Tensor4D,
  attrs: tf.NamedAttrMap,
): tf.Tensor4D {
  const pair = (value: unknown) =>
    Array.isArray(value) ? (value as [number, number]) : ([value, value] as [number, number]);
  const size = pair(attrs["filterSize"]);
  const strides = pair(attrs["strides"]);
  if (strides[0] < size[0] || strides[1] < size[1]) {
    throw new NotDifferentiableError(
      `max pooling: second derivatives need windows that do not overlap, got size ${size} and stride ${strides}`,
    );
  }
  const chosen = constant(() => {
    const ones = tf.ones(output.shape) as tf.Tensor4D;
    return tf.engine().runKernel<tf.Tensor4D>(tf.MaxPoolGrad, { dy: ones, input, output }, attrs);
  });
  // One element of each window is left, so its mean times the window's area is that element.
  const mean: tf.Tensor4D = tf.engine().runKernel(tf.AvgPool, { x: tf.mul(ddx, chosen) }, attrs);
  return tf.mul(mean, size[0] * size[1]);
}

/** Gradients of the pooling kernels and of their gradients. */
export function poolingGradients(): tf.GradConfig[] {
  return [
    {
      kernelName: tf.AvgPool,
      inputsToSave: ["x"],
      gradFunc: (dy, saved, attrs) => ({ x: () => spreadAverage(dy as tf.Tensor4D, saved[0]!.shape, attrs) }),
    },
    {
      kernelName: tf.AvgPoolGrad,
      inputsToSave: ["input"],
      gradFunc: (ddx, saved, attrs) => ({
        dy: () => tf.engine().runKernel(tf.AvgPool, { x: ddx as tf.Tensor }, poolingAttributes(attrs)),
        input: () => tf.zeros(saved[0]!.shape),
      }),
    },
    {
      kernelName: tf.MaxPool,
      inputsToSave: ["x"],
      outputsToSave: [true],
      gradFunc: (dy, saved, attrs) => {
        const [x, y] = saved as [tf.Tensor4D, tf.Tensor4D];
        return { x: () => scatterMaximum(dy as tf.Tensor4D, x, y, attrs) };
      },
    },
    {
      kernelName: tf.MaxPoolGrad,
      inputsToSave: ["input", "output"],
      gradFunc: (ddx, saved, attrs) => {
        const [input, output] = saved as [tf.Tensor4D, tf.Tensor4D];
        return {
          dy: () => pickMaximum(ddx as tf.Tensor4D, input, output, poolingAttributes(attrs)),
          input: () => tf.zeros(input.shape),
          output: () => tf.zeros(output.shape),
        };
      },
    },
  ];
}
