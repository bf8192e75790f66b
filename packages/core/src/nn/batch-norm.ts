import * as tf from "@tensorflow/tfjs-core";
import { normalizeAffine } from "../grad/normalize.ts";
import type { NetworkStatistics } from "./network.ts";
import type { ForwardPass, NetworkPlan, ParameterReader } from "./network-plan.ts";

/** ε of every normalisation, as in PyTorch. */
export const EPSILON = 1e-5;

export interface BatchNormLayer {
  /** By the mean and biased variance of this batch, differentiated through: `[N, H, W, C]` → same shape. */
  readonly normalise: (pass: ForwardPass, u: tf.Tensor4D) => tf.Tensor4D;
  /** With the fixed statistics of the pass it is `u · scale + shift`, `[C]` each, which a convolution can take in. */
  readonly fold: (
    pass: ForwardPass,
    statistics: NetworkStatistics,
  ) => { readonly scale: tf.Tensor1D; readonly shift: tf.Tensor1D };
}

/** Batch normalisation: statistics of this batch, or fixed ones. */
export function batchNormLayer(
  plan: NetworkPlan,
  gamma: ParameterReader<tf.Tensor1D>,
  beta: ParameterReader<tf.Tensor1D>,
): BatchNormLayer {
  const index = plan.batchNormLayers++;
  return {
    fold: (pass, { mean, variance }) => {
      const scale = tf.mul<tf.Tensor1D>(gamma(pass), tf.rsqrt(tf.add(variance[index]!, EPSILON)));
      return { scale, shift: tf.sub(beta(pass), tf.mul(mean[index]!, scale)) };
    },
    normalise: (pass, u) => {
      if (pass.observed !== undefined) {
        const { mean, variance } = tf.moments(u, [0, 1, 2]);
        pass.observed.mean.push(mean as tf.Tensor1D);
        pass.observed.variance.push(variance as tf.Tensor1D);
        pass.observed.count.push(u.size / u.shape[3]);
      }
      return normalizeAffine(u, gamma(pass), beta(pass), [0, 1, 2], EPSILON);
    },
  };
}
