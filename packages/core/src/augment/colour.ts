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

/**
 * Rotation of every colour about the grey axis: brightness and greys stay, a third of a turn takes red to green. The identity on images
 * without three channels. Differentiable in `x`.
 *
 * @param turns One angle for each image, in full turns.
 */
export function hueRotation(x: tf.Tensor4D, turns: Float32Array): tf.Tensor4D {
  const [n, height, width, channels] = x.shape;
  if (channels !== 3) return tf.clone(x);
  // Rodrigues' rotation about (1, 1, 1)/√3, for pixels as rows.
  const matrices = Float32Array.from({ length: 9 * n }, (_, i) => {
    const angle = 2 * Math.PI * turns[Math.floor(i / 9)]!;
    const [row, column] = [Math.floor((i % 9) / 3), i % 3];
    const even = (1 - Math.cos(angle)) / 3;
    if (row === column) return even + Math.cos(angle);
    const sign = (column - row + 3) % 3 === 1 ? 1 : -1;
    return even + (sign * Math.sin(angle)) / Math.sqrt(3);
  });
  const pixels = tf.reshape(x, [n, height * width, 3]);
  return tf.reshape(tf.matMul(pixels, tf.tensor3d(matrices, [n, 3, 3])), x.shape);
}
