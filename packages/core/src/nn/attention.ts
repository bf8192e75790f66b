import * as tf from "@tensorflow/tfjs-core";
import { ConfigError } from "../errors.ts";
import { linearLayer } from "./linear-layer.ts";
import type { ForwardPass, NetworkPlan } from "./network-plan.ts";

/**
 * Scaled dot-product attention with several heads, `softmax(QKᵀ/√d + mask)·V` head by head. Differentiable in its tensors, twice.
 *
 * @param query `[N, S, D]`; heads are D / heads consecutive channels each.
 * @param key `[N, T, D]`.
 * @param value `[N, T, D]`.
 * @param mask Added to every head's products, `[S, T]`: −∞ (a large negative number) where a query must not look.
 * @returns `[N, S, D]`.
 * @see Vaswani et al., "Attention is all you need" (NeurIPS 2017), section 3.2.
 */
export function multiHeadAttention(
  query: tf.Tensor3D,
  key: tf.Tensor3D,
  value: tf.Tensor3D,
  heads: number,
  mask?: tf.Tensor2D,
): tf.Tensor3D {
  const [n, s, width] = query.shape;
  const each = width / heads;
  /** `[N, T, D]` → `[N·heads, T, d]`. */
  const split = (x: tf.Tensor3D): tf.Tensor3D =>
    tf.reshape(tf.transpose(tf.reshape(x, [n, x.shape[1], heads, each]), [0, 2, 1, 3]), [
      n * heads,
      x.shape[1],
      each,
    ]);
  const products = tf.div<tf.Tensor3D>(tf.matMul(split(query), split(key), false, true), Math.sqrt(each));
  const weights = tf.softmax(mask === undefined ? products : tf.add<tf.Tensor3D>(products, mask));
  const mixed = tf.reshape(tf.matMul(weights, split(value)), [n, heads, s, each]);
  return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [n, s, width]);
}

/** A linear layer on every token, `[N, T, inputs]` → `[N, T, outputs]`. */
export function tokenLayer(
  plan: NetworkPlan,
  name: string,
  inputs: number,
  outputs: number,
  tokens: number,
): (pass: ForwardPass, x: tf.Tensor3D) => tf.Tensor3D {
  const layer = linearLayer(plan, name, inputs, outputs);
  // The plan has counted one token.
  plan.multiplyAdds += (tokens - 1) * inputs * outputs;
  plan.activationFloats += (tokens - 1) * inputs;
  return (pass, x) => {
    const [n, t] = x.shape;
    return tf.reshape(layer(pass, tf.reshape(x, [n * t, inputs])), [n, t, outputs]);
  };
}

/** @throws {ConfigError} if the heads do not divide the width. */
function checkHeads(name: string, width: number, heads: number): void {
  if (Number.isInteger(heads) && heads >= 1 && width % heads === 0) return;
  throw new ConfigError(`${name}: wanted a number of heads that divides the width ${width}, got ${heads}`);
}

/**
 * Self-attention with its four projections: parameters `name/query`, `name/key`, `name/value` and `name/out`.
 *
 * @param tokens Their number, for forecasts.
 */
export function selfAttention(
  plan: NetworkPlan,
  name: string,
  width: number,
  heads: number,
  tokens: number,
): (pass: ForwardPass, x: tf.Tensor3D, mask?: tf.Tensor2D) => tf.Tensor3D {
  checkHeads(name, width, heads);
  const [query, key, value, out] = ["query", "key", "value", "out"].map((part) =>
    tokenLayer(plan, `${name}/${part}`, width, width, tokens),
  );
  plan.multiplyAdds += 2 * tokens * tokens * width;
  plan.activationFloats += 2 * heads * tokens * tokens;
  return (pass, x, mask) =>
    out!(pass, multiHeadAttention(query!(pass, x), key!(pass, x), value!(pass, x), heads, mask));
}
