import * as tf from "@tensorflow/tfjs-core";
import { constant } from "../differentiable-op.ts";

/**
 * The matrix `[to, from]` by which `kernelName` resizes one axis: what it makes of the identity, so that every convention about
 * corners and centres is the back end's own.
 */
function resizeMatrix(kernelName: string, from: number, to: number, attrs: tf.NamedAttrMap): tf.Tensor3D {
  return constant(() => {
    const rows = tf.reshape(tf.eye(from), [1, from, 1, from]);
    const resized: tf.Tensor = tf
      .engine()
      .runKernel(kernelName, { images: rows }, { ...attrs, size: [to, 1] });
    return tf.reshape(resized, [1, to, from]);
  });
}

/**
 * Resizing is linear and separable, x ↦ R_h · x · R_wᵀ: its transpose is a product with the same two matrices. The gradient
 * kernels of the back ends are not used: the plain JavaScript one mixes up height and width.
 */
function resizeGradient(kernelName: string): tf.GradConfig {
  return {
    kernelName,
    inputsToSave: ["images"],
    gradFunc: (dy, saved, attrs) => ({
      images: () => {
        const [n, h, w, c] = saved[0]!.shape as [number, number, number, number];
        const [height, width] = attrs["size"] as [number, number];
        const byRow = tf.reshape(dy as tf.Tensor, [n, height, width * c]);
        const rows = tf.matMul(resizeMatrix(kernelName, h, height, attrs), byRow, true, false);
        const byColumn = tf.reshape(rows, [n * h, width, c]);
        const columns = tf.matMul(resizeMatrix(kernelName, w, width, attrs), byColumn, true, false);
        return tf.reshape(columns, [n, h, w, c]);
      },
    }),
  };
}

/** Gradients of the image resizing kernels. */
export function resizeGradients(): tf.GradConfig[] {
  return [resizeGradient(tf.ResizeBilinear), resizeGradient(tf.ResizeNearestNeighbor)];
}
