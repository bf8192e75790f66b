import { setImmediate } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import { ConfigError, DataError, RunError } from "../errors.ts";
import type { ImageDataset, ImageShape, ImageSplit, Normalisation } from "./image-dataset.ts";

export interface ZcaOptions {
  /** Added to every eigenvalue of the covariance. Default 0.1. */
  readonly epsilon?: number;
  /**
   * Standard deviation of each channel that pixels, in [0, 1], are divided by before they are whitened; without it they are
   * whitened as they are. The same ε keeps 25 times smaller eigenvalues then: images come out sharper and larger.
   */
  readonly std?: readonly number[];
}

/** Images read at a time. */
const CHUNK = 500;
/** Largest entry of `W·(C + εI)·W − I` that is still called whitening. */
const RESIDUAL_LIMIT = 0.01;

/**
 * ZCA whitening of flattened images: `W = (C + εI)^(−½)` and its inverse, C the covariance of the pixels, or of pixels divided
 * by `std` (over N − 1).
 *
 * Differs: the square root comes from Newton and Schulz's iteration, matrix products alone, where kornia takes an
 * eigendecomposition; the matrix is the same, and any back end is fast at it (D³ work with D = H·W·C).
 *
 * Lets other work run between its parts. Fit on the training split, or on a part of it ({@link subsetOfSplit}).
 *
 * @param split Images to fit on, two at least.
 * @throws {ConfigError} if `epsilon` or `std` is not positive.
 * @throws {DataError} if there are fewer than two images.
 * @throws {RunError} if the result does not whiten: the back end's products are too coarse.
 * @see Krizhevsky, "Learning multiple layers of features from tiny images" (2009), appendix A.
 */
export async function fitZca(
  split: ImageSplit,
  shape: ImageShape,
  { epsilon = 0.1, std }: ZcaOptions = {},
): Promise<Extract<Normalisation, { kind: "zca" }>> {
  const channels = shape[2];
  if (std !== undefined && (std.length !== channels || !std.every((value) => value > 0))) {
    throw new ConfigError(`fitZca: std must be ${channels} positive numbers, got [${std}]`);
  }
  const scaleOf = (pixel: number): number => std?.[pixel % channels] ?? 1;
  if (!(epsilon > 0)) throw new ConfigError(`fitZca: epsilon must be positive, got ${epsilon}`);
  if (split.size < 2) throw new DataError(`fitZca: wanted at least 2 images, got ${split.size}`);
  const size = shape[0] * shape[1] * shape[2];
  const mean = await meanPixels(split, size);
  const scale = Float64Array.from({ length: size }, (_, i) => scaleOf(i));
  const covariance = await regularisedCovariance(split, size, mean, scale, epsilon);
  const { root, inverseRoot } = await squareRoots(covariance, epsilon);
  const residual = tf.tidy(() => {
    const whitened = tf.matMul(tf.matMul(inverseRoot, covariance), inverseRoot);
    return tf.max(tf.abs(tf.sub(whitened, tf.eye(size)))).dataSync()[0]!;
  });
  const [whiten, unwhiten] = await Promise.all([inverseRoot.data(), root.data()]);
  tf.dispose([covariance, root, inverseRoot]);
  if (!(residual < RESIDUAL_LIMIT)) {
    throw new RunError(
      `fitZca: whitening is off by ${residual.toPrecision(2)}, wanted below ${RESIDUAL_LIMIT}; ` +
        "fit it with precision `highest`, or raise epsilon",
    );
  }
  // Rows are whitened as x·S⁻¹·W and turned back as z·W⁻¹·S.
  return {
    kind: "zca",
    mean: Float32Array.from(mean),
    whiten: (whiten as Float32Array).map((value, i) => value / scale[Math.floor(i / size)]!),
    unwhiten: (unwhiten as Float32Array).map((value, i) => value * scale[i % size]!),
  };
}

/**
 * What is whitened: pixels in [0, 1] as they are (most papers), or after the usual standardisation of each channel (DataDAM's
 * code).
 */
export type Whitening = "pixels" | "standardised";

/**
 * The same data set with whitening, fitted on its training split, in place of its per-channel constants. Sets made from it
 * carry the whitening with them.
 *
 * @throws as {@link fitZca}; {@link ConfigError} if the data set is whitened already.
 */
export async function whitenedDataset(
  dataset: ImageDataset,
  whitening: Whitening = "pixels",
): Promise<ImageDataset> {
  const { normalisation } = dataset;
  if (normalisation.kind === "zca")
    throw new ConfigError(`whitenedDataset: ${dataset.name} is whitened already`);
  const options = whitening === "standardised" ? { std: normalisation.std } : {};
  return { ...dataset, normalisation: await fitZca(dataset.train, dataset.shape, options) };
}

function* chunks(split: ImageSplit): Generator<Uint8Array> {
  for (let start = 0; start < split.size; start += CHUNK) {
    yield split.read(Int32Array.from({ length: Math.min(CHUNK, split.size - start) }, (_, i) => start + i));
  }
}

/** Mean of each pixel and channel, scaled to [0, 1]. */
async function meanPixels(split: ImageSplit, size: number): Promise<Float64Array> {
  const sums = new Float64Array(size);
  for (const pixels of chunks(split)) {
    for (let start = 0; start < pixels.length; start += size) {
      for (let j = 0; j < size; j++) sums[j]! += pixels[start + j]!;
    }
    await setImmediate();
  }
  return sums.map((sum) => sum / (255 * split.size));
}

/** `C + εI`, `[D, D]`. */
async function regularisedCovariance(
  split: ImageSplit,
  size: number,
  mean: Float64Array,
  scale: Float64Array,
  epsilon: number,
): Promise<tf.Tensor2D> {
  let sum: tf.Tensor2D = tf.tidy(() => tf.mul(tf.eye(size), epsilon * (split.size - 1)));
  for (const pixels of chunks(split)) {
    const centred = new Float32Array(pixels.length);
    for (let start = 0; start < pixels.length; start += size) {
      for (let j = 0; j < size; j++) centred[start + j] = (pixels[start + j]! / 255 - mean[j]!) / scale[j]!;
    }
    sum = replace(sum, (previous) => {
      const rows = tf.tensor2d(centred, [pixels.length / size, size]);
      return tf.add(previous, tf.matMul(rows, rows, true));
    });
    await setImmediate();
  }
  return replace(sum, (total) => tf.div(total, split.size - 1));
}

/**
 * `A^½` and `A^(−½)` of a symmetric matrix whose eigenvalues are at least `least`, by the coupled iteration
 *
 *     T = ½c·(3I − c²·Z·Y)      Y ← Y·T      Z ← T·Z,      from Y = A/‖A‖, Z = I
 *
 * in which the singular values of the exact step follow x ← ½cx(3 − c²x²); c spreads the known interval [l, 1] of x best.
 *
 * @see Chen and Chow, "A stable scaling of Newton-Schulz for improving the sign function computation" (2014).
 */
async function squareRoots(
  a: tf.Tensor2D,
  least: number,
): Promise<{ root: tf.Tensor2D; inverseRoot: tf.Tensor2D }> {
  const [size] = a.shape;
  // The Frobenius norm is at least the largest eigenvalue; the margin covers its rounding.
  const norm = 1.0001 * tf.tidy(() => tf.sqrt(tf.sum(tf.square(a))).dataSync()[0]!);
  let low = Math.sqrt(least / norm);
  let y = tf.div(a, norm) as tf.Tensor2D;
  let z: tf.Tensor2D = tf.eye(size);
  for (let last = false; !last;) {
    last = low > 1 - 1e-4;
    const c2 = last ? 1 : 3 / (1 + low + low * low);
    const c = Math.sqrt(c2);
    const previous = [y, z];
    [y, z] = tf.tidy(() => {
      const t = tf.sub(tf.mul(tf.eye(size), 1.5 * c), tf.mul(tf.matMul(z, y), 0.5 * c * c2)) as tf.Tensor2D;
      return [tf.matMul(y, t), tf.matMul(t, z)];
    });
    tf.dispose(previous);
    low = 0.5 * c * low * (3 - c2 * low * low);
    await setImmediate();
  }
  return {
    root: replace(y, (m) => symmetric(m, Math.sqrt(norm))),
    inverseRoot: replace(z, (m) => symmetric(m, 1 / Math.sqrt(norm))),
  };
}

function symmetric(matrix: tf.Tensor2D, factor: number): tf.Tensor2D {
  return tf.mul(tf.add(matrix, tf.transpose(matrix)), factor / 2);
}

/** `f(tensor)`, `tensor` disposed of. */
function replace(tensor: tf.Tensor2D, f: (tensor: tf.Tensor2D) => tf.Tensor2D): tf.Tensor2D {
  const result = tf.tidy(() => f(tensor));
  tensor.dispose();
  return result;
}
