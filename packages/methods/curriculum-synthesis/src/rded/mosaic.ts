import { checkFactor, ConfigError, type ImageShape } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/** @throws {ConfigError} if `factor` crops do not fit along the sides of the images. */
export function checkMosaic(factor: number, shape: ImageShape): void {
  checkFactor("rded config", factor, shape);
  const [height, width] = shape;
  if (height % factor === 0 && width % factor === 0) return;
  throw new ConfigError(
    `rded config: factor must divide the sides of the images, ${height} and ${width}, got ${factor}`,
  );
}

/**
 * Crops side by side: `factor` along each side of an image, row by row.
 *
 * @param crops `[N·factor², h, w, C]`; image n is made of the n-th group of `factor²`.
 * @returns `[N, h·factor, w·factor, C]`.
 */
export function mosaic(crops: tf.Tensor4D, factor: number): tf.Tensor4D {
  if (factor === 1) return tf.clone(crops);
  const [count, h, w, c] = crops.shape;
  const n = count / (factor * factor);
  return tf.tidy(() => {
    const cells = tf.reshape(crops, [n * factor, factor, h, w * c]);
    const rows = tf.transpose(cells, [0, 2, 1, 3]);
    return tf.reshape(rows, [n, h * factor, w * factor, c]);
  });
}

/** Crops with zeros around them, as large as an image: what the teacher scores. `[N, h, w, C]` → `[N, H, W, C]`. */
export function surrounded(crops: tf.Tensor4D, [height, width]: ImageShape): tf.Tensor4D {
  const [, h, w] = crops.shape;
  const top = Math.floor((height - h) / 2);
  const left = Math.floor((width - w) / 2);
  return tf.pad(crops, [
    [0, 0],
    [top, height - h - top],
    [left, width - w - left],
    [0, 0],
  ]);
}
