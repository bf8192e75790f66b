import * as tf from "@tensorflow/tfjs-core";

/** Smallest norm that an attention map is divided by; a map that is zero everywhere stays zero. */
const NORM_FLOOR = 1e-12;

/**
 * Spatial attention of each image as a unit vector: `z = vec(A) / max(‖vec(A)‖₂, 1e-12)`, `A = Σ_c |a_c|^p`.
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
  // The square root's slope at 0 is infinite: floor the square, so that a dead map has gradient 0 and not NaN.
  const norm = tf.sqrt(tf.maximum(squaredNorm, NORM_FLOOR * NORM_FLOOR));
  return tf.div(flat, norm);
}
