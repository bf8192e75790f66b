import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "@limbeck/core";

/**
 * Mean of each class over rows that are grouped class by class: `[K·n, …]` → `[K, …]`.
 *
 * Differentiable in `rows`, twice.
 *
 * @param rows Any rank ≥ 1; class c holds rows c·n … (c+1)·n − 1.
 * @throws {ShapeError} if the number of rows is not a multiple of `classes`.
 */
export function classMeans<R extends tf.Rank>(rows: tf.Tensor<R>, classes: number): tf.Tensor<R> {
  const [count = 0, ...rest] = rows.shape;
  if (classes < 1 || count % classes !== 0) {
    throw new ShapeError(`classMeans: \`rows\` must hold a multiple of ${classes} rows, got [${rows.shape}]`);
  }
  return tf.mean(tf.reshape(rows, [classes, count / classes, ...rest]), 1) as tf.Tensor<R>;
}

/**
 * Sum over classes of the squared distance between two class means: `Σ_c ‖real[c] − synthetic[c]‖²`.
 *
 * Differentiable in both, twice.
 *
 * @param real `[K, D]`.
 * @param synthetic `[K, D]`.
 * @returns Scalar `[]`. A sum over D, not a mean: it grows with the network's width.
 * @throws {ShapeError} if the shapes differ.
 * @see Zhao and Bilen, "Dataset Condensation with Distribution Matching", eq. 4 (here for one network).
 */
export function squaredMeanDistance(real: tf.Tensor, synthetic: tf.Tensor): tf.Scalar {
  if (String(real.shape) !== String(synthetic.shape)) {
    throw new ShapeError(
      `squaredMeanDistance: \`synthetic\` must have the shape of \`real\` [${real.shape}], got [${synthetic.shape}]`,
    );
  }
  return tf.sum(tf.squaredDifference(real, synthetic)) as tf.Scalar;
}
