import * as tf from "@tensorflow/tfjs-core";
import { constantMoments } from "../grad/composed-conv-block.ts";
import { differentiableOp1 } from "../grad/differentiable-op.ts";
import { normalizeAffine } from "../grad/normalize.ts";
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

/** Batch normalisation as a step of its own: what the fused block cannot give away its input from, or does not have. */
export type BatchNormStep = (pass: ForwardPass, u: tf.Tensor4D) => tf.Tensor4D;

/** The step of a normalisation that {@link batchNormFold} has counted. */
export function batchNormStep(
  gamma: ParameterReader<tf.Tensor1D>,
  beta: ParameterReader<tf.Tensor1D>,
  fold: BatchNormFold,
): BatchNormStep {
  return (pass, u) => {
    pass.normalisationInputs?.push(u);
    if (pass.statistics !== "batch") {
      const { scale, shift } = fold(pass, pass.statistics);
      return scaleShift(u, scale, shift);
    }
    if (pass.observed !== undefined) {
      const { mean, variance } = constantMoments(() => {
        const moments = tf.moments(u, [0, 1, 2]);
        return tf.stack([moments.mean, moments.variance]);
      });
      pass.observed.mean.push(mean);
      pass.observed.variance.push(variance);
      pass.observed.count.push(u.shape[0] * u.shape[1] * u.shape[2]);
    }
    return normalizeAffine(u, gamma(pass), beta(pass), [0, 1, 2], EPSILON);
  };
}

/** `u·scale + shift` by channel, without keeping the product. Differentiable in all three, any number of times. */
function scaleShift(u: tf.Tensor4D, scale: tf.Tensor1D, shift: tf.Tensor1D): tf.Tensor4D {
  return differentiableOp1<tf.Tensor4D>({
    inputs: { u, scale, shift },
    forward: (save) => {
      save([u, scale]);
      return tf.tidy(() => tf.add(tf.mul(u, scale), shift));
    },
    backward: (dy, [input, factor]) => ({
      u: () => tf.mul(dy, factor!),
      scale: () => tf.sum(tf.mul(dy, input!), [0, 1, 2]),
      shift: () => tf.sum(dy, [0, 1, 2]),
    }),
  });
}
