import * as tf from "@tensorflow/tfjs-core";
import { ConfigError, ShapeError } from "../errors.ts";
import { softmaxCrossEntropy } from "../grad/softmax-cross-entropy.ts";

/** Added to the similarity of a row with itself: no part of any soft-max. */
const EXCLUDED = -1e9;
/** Keeps a row of zeros from dividing by zero: far below the square of any length that matters. */
const TINY = 1e-12;

/**
 * Normalised temperature-scaled cross-entropy, the loss of SimCLR: of N images two views each, rows n and N + n of z. With
 * `s(i, k) = ⟨z_i, z_k⟩ / (‖z_i‖‖z_k‖τ)` and p(i) the other view of row i's image,
 *
 *     L = 1/2N · Σ_i ( log Σ_{k≠i} exp s(i, k) − s(i, p(i)) ):
 *
 * each view is to be told from all others of the batch by its partner. Differentiable in `z`, twice.
 *
 * @param z Projections `[2N, D]`, N ≥ 2: the first views of all images, then the second views in the same order.
 * @param temperature τ above 0.
 * @returns Scalar.
 * @throws {ConfigError} if the temperature is not above 0.
 * @throws {ShapeError} if there are fewer than two images or a view without its partner.
 * @see Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations" (ICML 2020), equation 1 and algorithm 1.
 */
export function ntXent(z: tf.Tensor2D, temperature: number): tf.Scalar {
  if (!(temperature > 0)) {
    throw new ConfigError(`ntXent: temperature must be above 0, got ${temperature}; 0.5 is usual`);
  }
  const [rows] = z.shape;
  if (rows < 4 || rows % 2 !== 0) {
    throw new ShapeError(
      `ntXent: wanted two views each of at least 2 images, got ${rows} rows; without other images there is nothing to tell apart`,
    );
  }
  return tf.tidy(() => {
    const length = tf.sqrt(tf.add(tf.sum(tf.square(z), 1, true), TINY));
    const unit = tf.div<tf.Tensor2D>(z, length);
    const similarity = tf.div(tf.matMul(unit, unit, false, true), temperature);
    const others = tf.add<tf.Tensor2D>(similarity, tf.mul(tf.eye(rows), EXCLUDED));
    return softmaxCrossEntropy(others, partners(rows));
  });
}

/** Row i is 1 at the other view of row i's image, `[rows, rows]`. */
function partners(rows: number): tf.Tensor2D {
  const values = new Float32Array(rows * rows);
  for (let i = 0; i < rows; i++) values[i * rows + ((i + rows / 2) % rows)] = 1;
  return tf.tensor2d(values, [rows, rows]);
}
