import * as tf from "@tensorflow/tfjs-core";
import { unitRows } from "../shared/unit-rows.ts";

/**
 * Channel attention of each image as a unit vector: `q_c = Σ_{h,w} |a_c(h, w)|^p`, divided by ‖q‖₂; 0 where the norm is below
 * 1e-12.
 *
 * Differentiable in `activation`, once and twice, where it is not zero.
 *
 * @param activation Activation of a block before pooling, `[N, h, w, C]`.
 * @param power p ≥ 1.
 * @returns `[N, C]`; rows have norm 1, or 0 where the activation is 0.
 * @see Khaki, Sajedi, Wang, Liu, Lawryshyn and Plataniotis, "ATOM: Attention Mixer for Efficient Dataset Distillation" (2024).
 */
export function unitChannelAttention(activation: tf.Tensor4D, power: number): tf.Tensor2D {
  return unitRows(tf.sum(magnitude(activation, power), [1, 2]));
}

/** `|a|^p`; the usual powers without a call of pow. */
function magnitude(a: tf.Tensor4D, power: number): tf.Tensor4D {
  if (power === 1) return tf.abs(a);
  if (power === 2) return tf.square(a);
  if (power === 4) return tf.square(tf.square(a));
  return tf.pow(tf.abs(a), power);
}
