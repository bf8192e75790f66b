import * as tf from "@tensorflow/tfjs-core";
import { softmaxCrossEntropy } from "../grad/softmax-cross-entropy.ts";
import type { Recipe } from "./recipe.ts";

/**
 * Loss of a batch, a mean over its images: cross-entropy `−Tᵏ·Σ y·log softmax(z/T)` or the mean squared difference of scores and
 * labels. Differentiable in both, twice.
 *
 * Cross-entropy with temperature has the gradients of the Kullback-Leibler divergence from `labels`, which are then
 * probabilities at that temperature.
 *
 * @param logits `[N, K]`.
 * @param labels Probabilities, or scores for `mse`, `[N, K]`.
 */
export function trainingLoss(loss: Recipe["loss"], logits: tf.Tensor2D, labels: tf.Tensor2D): tf.Scalar {
  if (loss.kind === "mse") return tf.mean(tf.squaredDifference(logits, labels)) as tf.Scalar;
  const { temperature, temperaturePower } = loss;
  const scaled = temperature === 1 ? logits : (tf.div(logits, temperature) as tf.Tensor2D);
  const value = softmaxCrossEntropy(scaled, labels);
  const factor = temperature ** temperaturePower;
  return factor === 1 ? value : (tf.mul(value, factor) as tf.Scalar);
}
