import * as tf from "@tensorflow/tfjs-core";
import { checkNormalisation } from "./normalise.ts";
import type { ImageShape, Normalisation } from "./image-dataset.ts";

/** The normalisation that leaves pixels scaled to [0, 1] as they are: for methods that optimise pixels, not network input. */
export function pixelSpace(channels: number): Normalisation {
  const row = (value: number): number[] => Array.from({ length: channels }, () => value);
  return { kind: "mean-std", mean: row(0), std: row(1) };
}

/**
 * Network input from pixels scaled to [0, 1]: as {@link normalisePixels}, for tensors. Affine, differentiable in `pixels` any
 * number of times.
 *
 * @param pixels `[N, H, W, C]`.
 * @throws {ShapeError} if the normalisation does not fit the images.
 */
export function normaliseImages(pixels: tf.Tensor4D, normalisation: Normalisation): tf.Tensor4D {
  const [n, ...shape] = pixels.shape;
  checkNormalisation(normalisation, shape as ImageShape);
  return tf.tidy(() => {
    if (normalisation.kind === "mean-std") {
      const { mean, std } = normalisation;
      return tf.div(tf.sub(pixels, tf.tensor1d([...mean])), tf.tensor1d([...std]));
    }
    const { mean, whiten } = normalisation;
    const centred = tf.sub(tf.reshape(pixels, [n, mean.length]), tf.tensor1d(mean));
    const matrix = tf.tensor2d(whiten, [mean.length, mean.length]);
    return tf.reshape(tf.matMul(centred as tf.Tensor2D, matrix), [n, ...shape]);
  });
}

/**
 * Pixels scaled to [0, 1] from network input, the inverse of {@link normaliseImages}: not clamped, differentiable any number of times.
 *
 * @param images `[N, H, W, C]`, normalised.
 * @throws {ShapeError} if the normalisation does not fit the images.
 */
export function imagePixels(images: tf.Tensor4D, normalisation: Normalisation): tf.Tensor4D {
  const [n, ...shape] = images.shape;
  checkNormalisation(normalisation, shape as ImageShape);
  return tf.tidy(() => {
    if (normalisation.kind === "mean-std") {
      const { mean, std } = normalisation;
      return tf.add(tf.mul(images, tf.tensor1d([...std])), tf.tensor1d([...mean]));
    }
    const { mean, unwhiten } = normalisation;
    const matrix = tf.tensor2d(unwhiten, [mean.length, mean.length]);
    const rows = tf.matMul(tf.reshape(images, [n, mean.length]) as tf.Tensor2D, matrix);
    return tf.reshape(tf.add(rows, tf.tensor1d(mean)), [n, ...shape]);
  });
}
