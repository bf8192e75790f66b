import * as tf from "@tensorflow/tfjs-core";
import { differentiableOp1 } from "./differentiable-op.ts";
import { spreadAverage } from "./rules/pooling.ts";

/**
 * Pooling with windows of `size` × `size` that tile the image; rows and columns that do not fill a window are dropped.
 * Differentiable twice.
 *
 * @param x `[N, H, W, C]`
 * @returns `[N, ⌊H/size⌋, ⌊W/size⌋, C]`
 */
export function pool(x: tf.Tensor4D, kind: "none" | "average" | "max", size: number): tf.Tensor4D {
  if (kind === "none") return x;
  if (kind === "max") return tf.maxPool(x, size, size, "valid");
  const shape = x.shape;
  const attrs = { filterSize: [size, size], strides: [size, size], pad: "valid" };
  // tf.avgPool would keep x for its gradient, which needs the shape alone.
  return differentiableOp1<tf.Tensor4D>({
    inputs: { x },
    forward: () => tf.avgPool(x, size, size, "valid"),
    backward: (dy) => ({ x: () => spreadAverage(dy, shape, attrs) }),
  });
}
