import { batchMoments, type BatchMoments } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/** Side of a patch in features. */
const SIDE = 4;

/**
 * Mean and biased variance of every patch of 4 × 4 features over images, channels and the patch. Sides that 4 does not divide are
 * first enlarged, bilinearly. Differentiable, twice.
 *
 * @param x `[N, h, w, C]`.
 * @returns `[⌈h/4⌉·⌈w/4⌉]` each, row by row.
 * @see Shao et al., "Generalized Large-Scale Data Condensation via Various Backbone and Statistical Matching" (CVPR 2024),
 *   section 3.3.
 */
export function patchMoments(x: tf.Tensor4D): BatchMoments {
  const [n, h, w, c] = x.shape;
  const rows = Math.ceil(h / SIDE);
  const columns = Math.ceil(w / SIDE);
  const fits = h === rows * SIDE && w === columns * SIDE;
  const whole = fits ? x : tf.image.resizeBilinear(x, [rows * SIDE, columns * SIDE], false, true);
  const patches = tf.reshape(whole, [n, rows, SIDE, columns, SIDE * c]);
  return batchMoments(
    tf.reshape(tf.transpose(patches, [0, 2, 4, 1, 3]), [n * SIDE * SIDE * c, rows * columns]),
  );
}
