import * as tf from "@tensorflow/tfjs-core";
import type { ConvBlockAttrs, ConvBlockInputs } from "@limbeck/native";
import { constant, onceDifferentiable } from "./differentiable-op.ts";
import { normalize, normalizeAffine } from "./normalize.ts";
import { pool } from "./pool.ts";
import { ATTENTION_ONCE, attentionOf, type Attention } from "./attention.ts";

export interface ConvBlockOutput extends Partial<Attention> {
  /** `[N, ph, pw, O]` */
  readonly pooled: tf.Tensor4D;
  /** The activation before pooling, `[N, oh, ow, O]`; present where it was asked for. */
  readonly activation?: tf.Tensor4D;
  /** Mean and biased variance of the convolution's results, `[O]` each; present where they were asked for. Constants. */
  readonly moments?: { readonly mean: tf.Tensor1D; readonly variance: tf.Tensor1D };
}

/** What a caller may want of a block besides its output. */
export interface ConvBlockExtras {
  /** Also return the activation before pooling; the block is then composed from plain operations. */
  readonly activations?: boolean;
  /** Also return the moments of the convolution's results; with batch normalisation only. */
  readonly moments?: boolean;
}

/**
 * Group normalisation without its affine part: statistics per sample and group of `C / groups` channels.
 *
 * @param u `[N, H, W, C]`; `groups` divides C.
 */
export function groupNormalize(u: tf.Tensor4D, groups: number, epsilon: number): tf.Tensor4D {
  const [n, h, w, c] = u.shape;
  if (groups === c) return normalize(u, [1, 2], epsilon);
  if (groups === 1) return normalize(u, [1, 2, 3], epsilon);
  const grouped = tf.reshape(u, [n, h * w, groups, c / groups]);
  return tf.reshape(normalize(grouped, [1, 3], epsilon), [n, h, w, c]);
}

function momentsOf(u: tf.Tensor4D): tf.Tensor {
  const { mean, variance } = tf.moments(u, [0, 1, 2]);
  return tf.stack([mean, variance]);
}

/** Mean and variance from `[2, O]`; derivatives do not pass. */
export function constantMoments(moments: () => tf.Tensor): NonNullable<ConvBlockOutput["moments"]> {
  const [mean, variance] = tf.unstack(constant(moments)) as [tf.Tensor1D, tf.Tensor1D];
  return { mean, variance };
}

function activate(y: tf.Tensor4D, attrs: ConvBlockAttrs): tf.Tensor4D {
  switch (attrs.activation) {
    case "identity":
      return y;
    case "relu":
      return tf.relu(y);
    case "leakyrelu":
      return tf.leakyRelu(y, attrs.slope);
  }
}

/** The fused block's function from plain operations: the reference of its meaning, and what back ends without the kernel run. */
export function composedConvBlock(
  inputs: ConvBlockInputs,
  attrs: ConvBlockAttrs,
  extras: ConvBlockExtras,
): ConvBlockOutput {
  const { activations = false } = extras;
  const { x, filter, bias, gamma, beta } = inputs;
  let u: tf.Tensor4D = tf.conv2d(x, filter, attrs.stride, attrs.pad);
  if (bias !== undefined) u = tf.add(u, bias);
  const output = extras.moments === true ? { moments: constantMoments(() => momentsOf(u)) } : {};
  if (attrs.norm === "batch") u = normalizeAffine(u, gamma!, beta!, [0, 1, 2], attrs.epsilon);
  if (attrs.norm === "group") {
    if (attrs.groups === filter.shape[3] && gamma !== undefined && beta !== undefined) {
      u = normalizeAffine(u, gamma, beta, [1, 2], attrs.epsilon);
    } else {
      u = groupNormalize(u, attrs.groups, attrs.epsilon);
      if (gamma !== undefined) u = tf.mul(u, gamma);
      if (beta !== undefined) u = tf.add(u, beta);
    }
  }
  let a = activate(u, attrs);
  if (attrs.attentionPower === 0) {
    const pooled = pool(a, attrs.pool, attrs.poolSize);
    return { ...output, pooled, ...(activations ? { activation: a } : {}) };
  }
  const attention = attentionOf(a, attrs.attentionPower);
  a = onceDifferentiable(a, ATTENTION_ONCE);
  return {
    ...output,
    pooled: pool(a, attrs.pool, attrs.poolSize),
    ...attention,
    ...(activations ? { activation: a } : {}),
  };
}
