import * as tf from "@tensorflow/tfjs-core";
import type { NetworkStatistics } from "./network.ts";
import type { ForwardPass, NetworkPlan, ParameterReader } from "./network-plan.ts";

/** ε of every normalisation, as in PyTorch. */
export const EPSILON = 1e-5;

/** Batch normalisation by fixed statistics: `u · scale + shift`, `[C]` each, which a convolution can take in. */
export type BatchNormFold = (
  pass: ForwardPass,
  statistics: NetworkStatistics,
) => { readonly scale: tf.Tensor1D; readonly shift: tf.Tensor1D };

/** Counts a batch normalisation among the plan's. @returns What it is by fixed statistics. */
export function batchNormFold(
  plan: NetworkPlan,
  gamma: ParameterReader<tf.Tensor1D>,
  beta: ParameterReader<tf.Tensor1D>,
): BatchNormFold {
  const index = plan.batchNormLayers++;
  return (pass, { mean, variance }) => {
    const scale = tf.mul<tf.Tensor1D>(gamma(pass), tf.rsqrt(tf.add(variance[index]!, EPSILON)));
    return { scale, shift: tf.sub(beta(pass), tf.mul(mean[index]!, scale)) };
  };
}
