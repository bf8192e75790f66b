import * as tf from "@tensorflow/tfjs-core";
import { unitRows } from "../shared/unit-rows.ts";

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
  return unitRows(tf.reshape(attention, [n, h * w]));
}
