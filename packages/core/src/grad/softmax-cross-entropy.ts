import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../errors.ts";
import { constant } from "./differentiable-op.ts";
import { ensureGradients } from "./ensure-gradients.ts";

/**
 * `log softmax(logits)` along the last axis, without overflow. Differentiable, twice (`tf.logSoftmax` is not: it loses the
 * second derivative silently).
 *
 * @param logits `[N, K]`
 */
export function logSoftmax(logits: tf.Tensor2D): tf.Tensor2D {
  ensureGradients();
  const shifted = tf.sub(
    logits,
    constant(() => tf.max(logits, 1, true)),
  );
  return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), 1, true)));
}

/**
 * Soft-max cross-entropy `−(1/N) Σ_n Σ_k labels[n, k] · log softmax(logits)[n, k]`: the mean over N.
 *
 * Differentiable in both arguments, twice.
 *
 * @param logits `[N, K]`
 * @param labels One-hot or soft probabilities `[N, K]`, float32.
 * @returns Scalar.
 * @throws {ShapeError} if the two shapes differ.
 */
export function softmaxCrossEntropy(logits: tf.Tensor2D, labels: tf.Tensor2D): tf.Scalar {
  if (logits.shape[0] !== labels.shape[0] || logits.shape[1] !== labels.shape[1]) {
    throw new ShapeError(
      `softmaxCrossEntropy: labels must have shape [${logits.shape}] like the logits, got [${labels.shape}]; ` +
        `turn class numbers into probabilities with tf.oneHot`,
    );
  }
  return tf.neg(tf.div(tf.sum(tf.mul(labels, logSoftmax(logits))), logits.shape[0]));
}
