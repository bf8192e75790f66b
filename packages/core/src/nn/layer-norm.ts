import * as tf from "@tensorflow/tfjs-core";
import { EPSILON } from "./batch-norm.ts";
import type { ForwardPass, NetworkPlan } from "./network-plan.ts";

/** Layer normalisation over the last axis: `γ·(x − mean)/√(variance + 10⁻⁵) + β`. Differentiable in all three, twice. */
function layerNorm<T extends tf.Tensor>(x: T, gamma: tf.Tensor1D, beta: tf.Tensor1D): T {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, EPSILON))), gamma), beta);
}

/** {@link layerNorm} with its scale and shift among a plan's parameters, `name/gamma` and `name/beta`. */
export function layerNormLayer(
  plan: NetworkPlan,
  name: string,
  width: number,
): <T extends tf.Tensor>(pass: ForwardPass, x: T) => T {
  const gamma = plan.affine<tf.Tensor1D>(`${name}/gamma`, [width], 1);
  const beta = plan.affine<tf.Tensor1D>(`${name}/beta`, [width], 0);
  return (pass, x) => layerNorm(x, gamma(pass), beta(pass));
}
