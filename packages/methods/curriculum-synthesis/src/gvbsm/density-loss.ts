import { constant, logSoftmax } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { symmetricEigenvalues } from "./symmetric-eigenvalues.ts";

/**
 * Data densification: draws the eigenvalues of each class's Gram matrix towards each other, so that the images of a class do not
 * all lie along one direction:
 *
 *     D = Σ_c KL( softmax(λ_c/τ) ‖ softmax(λ_c) ),   λ_c eigenvalues of X_c X_cᵀ, the left distribution constant
 *
 * Nothing for a class with one image. Differentiable once in the images.
 *
 * @param images `[N, H, W, C]`.
 * @param labels Class of each.
 * @see Shao et al., "Generalized Large-Scale Data Condensation via Various Backbone and Statistical Matching" (CVPR 2024),
 *   section 3.2.
 */
export function densityLoss(images: tf.Tensor4D, labels: readonly number[], temperature: number): tf.Scalar {
  const [n] = images.shape;
  const rows = tf.reshape(images, [n, images.size / n]) as tf.Tensor2D;
  const members = new Map<number, number[]>();
  labels.forEach((label, i) => members.set(label, [...(members.get(label) ?? []), i]));
  const terms = [...members.values()]
    .filter((own) => own.length > 1)
    .map((own) => {
      const chosen = tf.gather(rows, tf.tensor1d(own, "int32"));
      const values = tf.reshape(symmetricEigenvalues(tf.matMul(chosen, chosen, false, true)), [
        1,
        own.length,
      ]);
      const log = logSoftmax(values as tf.Tensor2D);
      const softer = constant(() => logSoftmax(tf.div(values, temperature) as tf.Tensor2D));
      const weights = constant(() => tf.exp(softer));
      return tf.sum(tf.mul(weights, tf.sub(softer, log))) as tf.Scalar;
    });
  return terms.length === 0 ? tf.scalar(0) : (tf.addN(terms) as tf.Scalar);
}
