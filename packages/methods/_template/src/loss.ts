import { ShapeError } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/**
 * Squared distance between the mean embeddings of one class: `‖ mean_n real[n] − mean_m synthetic[m] ‖²`.
 *
 * Differentiable in both arguments, twice.
 *
 * @param real Embeddings `[N, D]`, N ≥ 1.
 * @param synthetic Embeddings `[M, D]`; M may differ from N.
 * @returns Scalar. A sum over D, not a mean, so it grows with the network's width.
 * @throws {ShapeError} if the two D differ.
 * @see Zhao and Bilen, "Dataset Condensation with Distribution Matching", eq. 4, for one class.
 */
export function meanEmbeddingDistance(real: tf.Tensor2D, synthetic: tf.Tensor2D): tf.Scalar {
  if (real.shape[1] !== synthetic.shape[1]) {
    throw new ShapeError(
      `meanEmbeddingDistance: synthetic must have shape [M,${real.shape[1]}], got [${synthetic.shape}]`,
    );
  }
  return tf.sum(tf.square(tf.sub(tf.mean(real, 0), tf.mean(synthetic, 0))));
}
