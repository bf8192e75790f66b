import * as tf from "@tensorflow/tfjs-core";
import { affineSample } from "../augment/affine-sample.ts";
import { samplingGrid } from "../augment/sampling-grid.ts";
import type { ImageShape, Normalisation } from "../dataset/image-dataset.ts";
import { ConfigError } from "../errors.ts";

/** Grey that fills the border of images whose side `factor` does not divide, in pixel space. */
const BORDER = 0.5;

/**
 * Decodes stored images into `factor²` training images each: the stored image is cut into factor × factor patches, and every
 * patch is enlarged to the full size, bilinearly (corners not aligned). The stored set stays as small; what it trains on is more
 * images of a lower resolution.
 *
 * A side that `factor` does not divide is first extended, right or below, by grey (0.5 in pixel space). Linear, so
 * differentiable any number of times: the derivative is the transpose of the enlargement.
 *
 * Differs: with whitening the border is 0, the data set's mean: whitening has no value for pixels outside the image.
 *
 * @param images `[N, H, W, C]`, normalised.
 * @param factor Patches along each side; 1 gives the images as they are.
 * @param normalisation What normalised the images.
 * @returns `[N·factor², H, W, C]`, patch by patch: the top left patches of all images, then those to their right, row by row.
 *   Rows n, n + N, n + 2N, … come from image n: labels and other rows follow by {@link decodedRows}.
 * @throws {ConfigError} as {@link checkFactor}.
 * @see Kim et al., "Dataset Condensation via Efficient Synthetic-Data Parameterization" (ICML 2022), section 4.1.
 */
export function multiFormation(
  images: tf.Tensor4D,
  factor: number,
  normalisation: Normalisation,
): tf.Tensor4D {
  const [, height, width, channels] = images.shape;
  checkFactor("multiFormation", factor, [height, width, channels]);
  if (factor === 1) return tf.clone(images);
  return tf.tidy(() => {
    const border = borderValue(height % factor !== 0 || width % factor !== 0 ? normalisation : undefined);
    const centred = border === undefined ? images : (tf.sub(images, border) as tf.Tensor4D);
    const patches = patchGrids(factor, height, width).map((grid) => affineSample(centred, grid));
    const decoded = tf.concat(patches, 0);
    return border === undefined ? decoded : (tf.add(decoded, border) as tf.Tensor4D);
  });
}

/** Rows that belong to images, such as labels `[N, …]`, repeated for what {@link multiFormation} makes of them: `[N·factor², …]`. */
export function decodedRows<R extends tf.Rank>(rows: tf.Tensor<R>, factor: number): tf.Tensor<R> {
  return tf.tile(rows, [factor * factor, ...rows.shape.slice(1).map(() => 1)]);
}

/** @throws {ConfigError} if `factor` is not a whole number from 1 to the shorter side of the images. */
export function checkFactor(where: string, factor: number, [height, width]: ImageShape): void {
  const largest = Math.min(height, width);
  if (Number.isInteger(factor) && factor >= 1 && factor <= largest) return;
  throw new ConfigError(
    `${where}: factor must be a whole number from 1 to ${largest}, the side of the images, got ${factor}`,
  );
}

/** The border's grey per channel in normalised space, `[C]`; undefined where it is 0 or there is no border. */
function borderValue(normalisation: Normalisation | undefined): tf.Tensor1D | undefined {
  if (normalisation?.kind !== "mean-std") return undefined;
  const { mean, std } = normalisation;
  return tf.tensor1d(mean.map((m, c) => (BORDER - m) / std[c]!));
}

/** One sampling grid `[1, H, W, 2]` a patch, row by row. Positions stop at the patch's outermost pixel centres. */
function patchGrids(factor: number, height: number, width: number): tf.Tensor4D[] {
  const [tall, wide] = [Math.ceil(height / factor), Math.ceil(width / factor)];
  const [down, right] = [tall / height, wide / width];
  return Array.from({ length: factor * factor }, (_, k) => {
    const [top, left] = [Math.floor(k / factor) * tall, (k % factor) * wide];
    const map = {
      xj: right,
      xi: 0,
      x0: left + right / 2 - 0.5,
      yj: 0,
      yi: down,
      y0: top + down / 2 - 0.5,
      within: { left, top, right: left + wide - 1, bottom: top + tall - 1 },
    };
    return samplingGrid([map], height, width);
  });
}
