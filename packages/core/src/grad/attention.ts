import * as tf from "@tensorflow/tfjs-core";
import { constant, onceDifferentiable } from "./differentiable-op.ts";

/** Said by every back end when a second derivative reaches a block whose attention was asked for. */
export const ATTENTION_ONCE =
  "convBlock: attention has first derivatives only; leave `attentionPower` out where a second derivative is taken";

/** Where, and in which channels, an activation is large. */
export interface Attention {
  /** `Σ_c |a_c|^p` at each position, `[N, H, W]`. */
  readonly attention: tf.Tensor3D;
  /** `Σ_positions |a_c|^p` of each channel, `[N, C]`. */
  readonly channelAttention: tf.Tensor2D;
}

/**
 * Spatial and channel attention of an activation `[N, H, W, C]`. First derivatives only: a second one throws
 * {@link NotDifferentiableError}, here as in the fused block.
 *
 * @see Sajedi et al., "DataDAM: Efficient Dataset Distillation with Attention Matching", equation 2; Khaki et al., "ATOM: Attention
 * Mixer for Efficient Dataset Distillation".
 */
export function attentionOf(a: tf.Tensor4D, power: number): Attention {
  const size = raised(onceDifferentiable(a, ATTENTION_ONCE), power);
  return { attention: tf.sum(size, 3), channelAttention: tf.sum(size, [1, 2]) };
}

/** `|a|^p`; the usual powers without a call of pow. */
function raised(a: tf.Tensor4D, power: number): tf.Tensor4D {
  if (power === 1) return tf.abs(a);
  if (power === 2) return tf.square(a);
  if (power === 4) return tf.square(tf.square(a));
  // Zeros are moved off the pole of the derivative for p < 1.
  const magnitude =
    power < 1
      ? tf.maximum(
          tf.abs(a),
          constant(() => tf.scalar(1e-12)),
        )
      : tf.abs(a);
  return tf.pow(magnitude, power) as tf.Tensor4D;
}
