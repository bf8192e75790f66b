import * as tf from "@tensorflow/tfjs-core";
import { constant, onceDifferentiable } from "./differentiable-op.ts";

/** Said by every back end when a second derivative reaches a block whose attention was asked for. */
export const ATTENTION_ONCE =
  "convBlock: attention has first derivatives only; leave `attentionPower` out where a second derivative is taken";

/**
 * Spatial attention `A = Σ_c |a_c|^p`, `[N, H, W, C]` → `[N, H, W]`. First derivatives only: a second one throws
 * {@link NotDifferentiableError}, here as in the fused block.
 *
 * @see Sajedi et al., "DataDAM: Efficient Dataset Distillation with Attention Matching", equation 2.
 */
export function spatialAttention(a: tf.Tensor4D, power: number): tf.Tensor3D {
  const x = onceDifferentiable(a, ATTENTION_ONCE);
  if (power === 1) return tf.sum(tf.abs(x), 3);
  if (power === 2) return tf.sum(tf.square(x), 3);
  if (power === 4) return tf.sum(tf.square(tf.square(x)), 3);
  // |a|^p as (a²)^(p/2) for even p, else by the absolute value with zeros moved off the pole of the derivative for p < 1.
  const magnitude =
    power < 1
      ? tf.maximum(
          tf.abs(x),
          constant(() => tf.scalar(1e-12)),
        )
      : tf.abs(x);
  return tf.sum(tf.pow(magnitude, power), 3);
}
