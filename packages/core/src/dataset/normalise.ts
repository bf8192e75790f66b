import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../errors.ts";
import type { ImageShape, Normalisation } from "./image-dataset.ts";
import { numbersOf } from "../engine/numbers-of.ts";

/**
 * Raw pixels as network input: scaled to [0, 1], then shifted and scaled per channel or whitened. The caller owns the tensor.
 *
 * @param pixels Values 0…255, `[N, H, W, C]` row-major; N follows from the length.
 * @returns `[N, H, W, C]` float32.
 * @throws {ShapeError} if the length or the normalisation does not fit the shape.
 */
export function normalisePixels(
  pixels: Uint8Array,
  shape: ImageShape,
  normalisation: Normalisation,
): tf.Tensor4D {
  const n = imageCount("normalisePixels", pixels.length, shape);
  checkNormalisation(normalisation, shape);
  if (normalisation.kind === "mean-std") {
    return tf.tensor4d(standardised(pixels, normalisation.mean, normalisation.std), [n, ...shape]);
  }
  const size = normalisation.mean.length;
  const centred = new Float32Array(pixels.length);
  for (let i = 0; i < n; i++) {
    const row = i * size;
    for (let j = 0; j < size; j++) centred[row + j] = pixels[row + j]! / 255 - normalisation.mean[j]!;
  }
  return tf.tidy(() => {
    const rows = tf.tensor2d(centred, [n, size]);
    return tf.reshape(tf.matMul(rows, tf.tensor2d(normalisation.whiten, [size, size])), [n, ...shape]);
  });
}

/**
 * The picture that {@link normalisePixels} made `images` from, rounded and clamped to 0…255: for looking at. Synthetic images
 * may leave that range; their floats stay the ground truth.
 *
 * @param images `[N, H, W, C]` row-major, normalised.
 * @throws {ShapeError} if the length or the normalisation does not fit the shape.
 */
export function denormaliseImages(
  images: Float32Array,
  shape: ImageShape,
  normalisation: Normalisation,
): Uint8ClampedArray {
  const n = imageCount("denormaliseImages", images.length, shape);
  checkNormalisation(normalisation, shape);
  const out = new Uint8ClampedArray(images.length);
  if (normalisation.kind === "mean-std") {
    const channels = normalisation.mean.length;
    for (let i = 0; i < images.length; i++) {
      const c = i % channels;
      out[i] = 255 * (images[i]! * normalisation.std[c]! + normalisation.mean[c]!);
    }
    return out;
  }
  const size = normalisation.mean.length;
  const pictures = numbersOf(() =>
    tf.matMul(tf.tensor2d(images, [n, size]), tf.tensor2d(normalisation.unwhiten, [size, size])),
  );
  for (let i = 0; i < images.length; i++) out[i] = 255 * (pictures[i]! + normalisation.mean[i % size]!);
  return out;
}

/**
 * @throws {ShapeError} if the constants are not one per channel (`mean-std`) or one per pixel and channel (`zca`), or a
 *   standard deviation is not positive.
 */
export function checkNormalisation(normalisation: Normalisation, shape: ImageShape): void {
  const [height, width, channels] = shape;
  if (normalisation.kind === "mean-std") {
    const { mean, std } = normalisation;
    if (mean.length !== channels || std.length !== channels || !std.every((value) => value > 0)) {
      throw new ShapeError(
        `normalisation: wanted ${channels} means and ${channels} positive standard deviations, got [${mean}] and [${std}]`,
      );
    }
    return;
  }
  const size = height * width * channels;
  const { mean, whiten, unwhiten } = normalisation;
  if (mean.length !== size || whiten.length !== size * size || unwhiten.length !== size * size) {
    throw new ShapeError(
      `normalisation: whitening of [${shape}] wants a mean of ${size} and matrices of ${size}×${size} numbers, ` +
        `got ${mean.length}, ${whiten.length} and ${unwhiten.length}`,
    );
  }
}

/** One table of 256 values per channel: no arithmetic per pixel. */
function standardised(pixels: Uint8Array, mean: readonly number[], std: readonly number[]): Float32Array {
  const channels = mean.length;
  const tables = mean.map((m, c) => Float32Array.from({ length: 256 }, (_, v) => (v / 255 - m) / std[c]!));
  const out = new Float32Array(pixels.length);
  for (let c = 0; c < channels; c++) {
    const table = tables[c]!;
    for (let i = c; i < pixels.length; i += channels) out[i] = table[pixels[i]!]!;
  }
  return out;
}

function imageCount(where: string, length: number, [height, width, channels]: ImageShape): number {
  const count = length / (height * width * channels);
  if (Number.isInteger(count)) return count;
  throw new ShapeError(
    `${where}: wanted whole images of [${height},${width},${channels}], got ${length} values`,
  );
}
