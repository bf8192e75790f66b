import * as tf from "@tensorflow/tfjs-core";
import type { NetworkStatistics } from "../nn/network.ts";

/** Weight of the newest batch. */
const MOMENTUM = 0.1;

/**
 * Number of last steps whose batches enter the running statistics: an older batch would have a weight below 0.9^100 = 3e-5.
 */
export const STATISTICS_STEPS = 100;

/**
 * Batch-normalisation statistics for evaluation, as PyTorch keeps them: `r ← 0.9·r + 0.1·batch`, mean from 0, variance from 1,
 * the batch's variance unbiased (where its count is known). New tensors; `previous` stays alive.
 */
export function updateRunningStatistics(
  previous: NetworkStatistics | undefined,
  batch: NetworkStatistics,
): NetworkStatistics {
  return tf.tidy(() => {
    const mix = (old: tf.Tensor1D | number, current: tf.Tensor1D, factor: number): tf.Tensor1D =>
      tf.add(tf.mul(old, 1 - MOMENTUM), tf.mul(current, MOMENTUM * factor));
    return {
      mean: batch.mean.map((mean, i) => mix(previous?.mean[i] ?? 0, mean, 1)),
      variance: batch.variance.map((variance, i) => {
        const count = batch.count?.[i] ?? Infinity;
        return mix(
          previous?.variance[i] ?? 1,
          variance,
          count === Infinity ? 1 : count / Math.max(1, count - 1),
        );
      }),
    };
  });
}
