import * as tf from "@tensorflow/tfjs-core";

/** Gaussian error linear unit `x·Φ(x)`, Φ the normal distribution function. Differentiable twice. */
export function gelu<T extends tf.Tensor>(x: T): T {
  return tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2))));
}

/** Its cheaper stand-in of CLIP, `x·sigmoid(1.702x)`. Differentiable twice. */
export function quickGelu<T extends tf.Tensor>(x: T): T {
  return tf.mul(x, tf.sigmoid(tf.mul(x, 1.702)));
}
