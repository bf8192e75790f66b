import * as tf from "@tensorflow/tfjs-core";

/**
 * Exponential moving average: `decay·average + (1 − decay)·value`, a new tensor. Start it with a clone of the first value.
 *
 * @param decay In [0, 1].
 */
export function movingAverage<T extends tf.Tensor>(average: T, value: T, decay: number): T {
  return tf.tidy(() => tf.add(tf.mul(average, decay), tf.mul(value, 1 - decay)) as T);
}
