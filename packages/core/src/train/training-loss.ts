import * as tf from "@tensorflow/tfjs-core";
import { constant } from "../grad/differentiable-op.ts";
import { softmaxCrossEntropy } from "../grad/softmax-cross-entropy.ts";
import type { Recipe } from "./recipe.ts";

/**
 * Loss of a batch, a mean over its images: cross-entropy `−Tᵏ·Σ y·log softmax(z/T)` or the mean squared difference of scores and
 * labels. Differentiable in logits and labels, twice.
 *
 * Where a teacher's scores s are given, y is `softmax(s/T)`: the gradients are those of the Kullback-Leibler divergence
 * `Tᵏ·KL(softmax(s/T) ‖ softmax(z/T))`, which is smaller by the teacher's entropy. The squared difference is then that of the two
 * scores, each less its mean over the classes (a label has no mean of its own), and `classWeight` adds a cross-entropy with the labels.
 *
 * @param logits `[N, K]`.
 * @param labels Probabilities, or scores for `mse`, `[N, K]`.
 * @param scores A teacher's, `[N, K]`; constants.
 */
export function trainingLoss(
  loss: Recipe["loss"],
  logits: tf.Tensor2D,
  labels: tf.Tensor2D,
  scores?: tf.Tensor2D,
): tf.Scalar {
  if (loss.kind === "mse") return squaredLoss(loss.classWeight ?? 0, logits, labels, scores);
  const { temperature, temperaturePower, studentTemperature = temperature } = loss;
  const scaled = studentTemperature === 1 ? logits : (tf.div(logits, studentTemperature) as tf.Tensor2D);
  const target =
    scores === undefined ? labels : constant(() => tf.softmax(tf.div<tf.Tensor2D>(scores, temperature)));
  const value = softmaxCrossEntropy(scaled, target);
  const factor = temperature ** temperaturePower;
  return factor === 1 ? value : (tf.mul(value, factor) as tf.Scalar);
}

function squaredLoss(
  classWeight: number,
  logits: tf.Tensor2D,
  labels: tf.Tensor2D,
  scores?: tf.Tensor2D,
): tf.Scalar {
  if (scores === undefined) return tf.mean(tf.squaredDifference(logits, labels)) as tf.Scalar;
  const centred = (x: tf.Tensor2D): tf.Tensor2D => tf.sub(x, tf.mean(x, 1, true));
  const squared: tf.Scalar = tf.mean(tf.squaredDifference(centred(logits), centred(scores)));
  if (classWeight === 0) return squared;
  return tf.add(squared, tf.mul(softmaxCrossEntropy(logits, labels), classWeight));
}
