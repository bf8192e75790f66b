import * as tf from "@tensorflow/tfjs-core";

/** An attention map of smaller norm counts as zero. */
const NORM_FLOOR = 1e-12;

/**
 * Spatial attention of each image as a unit vector: `z = vec(A) / ‖vec(A)‖₂`, `A = Σ_c |a_c|^p`; 0 where the norm is below 1e-12.
 *
 * Differentiable in `attention`, twice, where the map is not zero.
 *
 * @param attention `A` of a batch, `[N, h, w]`, entries ≥ 0.
 * @returns `[N, h·w]`; rows have norm 1, or 0 where the map is 0.
 * @see Sajedi et al., "DataDAM: Efficient Dataset Distillation with Attention Matching", eq. 2.
 */
export function unitAttention(attention: tf.Tensor3D): tf.Tensor2D {
  const [n, h, w] = attention.shape;
  const flat = tf.reshape(attention, [n, h * w]) as tf.Tensor2D;
  const squaredNorm = tf.sum(tf.square(flat), 1, true);
  // A dead map gets factor 0, not 1/floor: its gradient is then 0 instead of 1e12.
  const floor = NORM_FLOOR * NORM_FLOOR;
  const inverse = tf.rsqrt(tf.maximum(squaredNorm, floor));
  return tf.mul(flat, tf.mul(inverse, tf.cast(tf.greater(squaredNorm, floor), "float32")));
}
