import * as tf from "@tensorflow/tfjs-core";

/** A row of smaller norm counts as zero. */
const NORM_FLOOR = 1e-12;

/**
 * Each row divided by its Euclidean norm; rows whose norm is below 1e-12 become 0.
 *
 * Differentiable in `rows`, twice, where a row is not zero; the gradient in a zero row is 0.
 *
 * @param rows `[N, D]`.
 */
export function unitRows(rows: tf.Tensor2D): tf.Tensor2D {
  const squaredNorm = tf.sum(tf.square(rows), 1, true);
  // A dead row gets factor 0, not 1/floor: its gradient is then 0 instead of 1e12.
  const floor = NORM_FLOOR * NORM_FLOOR;
  const inverse = tf.rsqrt(tf.maximum(squaredNorm, floor));
  return tf.mul(rows, tf.mul(inverse, tf.cast(tf.greater(squaredNorm, floor), "float32")));
}
