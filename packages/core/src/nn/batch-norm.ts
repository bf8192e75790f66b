import * as tf from "@tensorflow/tfjs-core";
import { normalize } from "../grad/normalize.ts";
import type { ForwardPass, NetworkPlan, ParameterReader } from "./network-plan.ts";

/** ε of every normalisation, as in PyTorch. */
export const EPSILON = 1e-5;

/**
 * Batch normalisation of `[N, H, W, C]`: by the mean and biased variance of this batch (differentiated through), or by fixed
 * ones.
 */
export function batchNormLayer(
  plan: NetworkPlan,
  gamma: ParameterReader<tf.Tensor1D>,
  beta: ParameterReader<tf.Tensor1D>,
): (pass: ForwardPass, u: tf.Tensor4D) => tf.Tensor4D {
  const index = plan.batchNormLayers++;
  return (pass, u) => {
    if (pass.statistics !== "batch") {
      const scale = tf.mul(gamma(pass), tf.rsqrt(tf.add(pass.statistics.variance[index]!, EPSILON)));
      const shift = tf.sub(beta(pass), tf.mul(pass.statistics.mean[index]!, scale));
      return tf.add(tf.mul(u, scale), shift);
    }
    if (pass.observed !== undefined) {
      const { mean, variance } = tf.moments(u, [0, 1, 2]);
      pass.observed.mean.push(mean as tf.Tensor1D);
      pass.observed.variance.push(variance as tf.Tensor1D);
      pass.observed.count.push(u.size / u.shape[3]);
    }
    return tf.add(tf.mul(normalize(u, [0, 1, 2], EPSILON), gamma(pass)), beta(pass));
  };
}
