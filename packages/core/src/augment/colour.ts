import * as tf from "@tensorflow/tfjs-core";

/**
 * One value per image as `[n, 1, 1, 1]` (n = N, or 1 for all images alike), so that it broadcasts over pixels.
 */
export function perImage(values: Float32Array): tf.Tensor4D {
  return tf.tensor4d(values, [values.length, 1, 1, 1]);
}

/** `x + shift`. Differentiable in `x`. */
export function brightness(x: tf.Tensor4D, shift: tf.Tensor4D): tf.Tensor4D {
  return tf.add(x, shift);
}

/**
 * `(x − m)·factor + m`, m the mean over the channels of each pixel: 0 makes the image grey, 1 leaves it. The identity on
 * one channel. Differentiable in `x`.
 */
export function saturation(x: tf.Tensor4D, factor: tf.Tensor4D): tf.Tensor4D {
  if (x.shape[3] === 1) return tf.clone(x);
  return awayFrom(x, tf.mean(x, 3, true), factor);
}

/** `(x − m)·factor + m`, m the mean of the whole image. Differentiable in `x`. */
export function contrast(x: tf.Tensor4D, factor: tf.Tensor4D): tf.Tensor4D {
  return awayFrom(x, tf.mean(x, [1, 2, 3], true), factor);
}

function awayFrom(x: tf.Tensor4D, m: tf.Tensor, factor: tf.Tensor4D): tf.Tensor4D {
  return tf.add(tf.mul(tf.sub(x, m), factor), m);
}
