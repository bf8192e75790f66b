import { ensureGradients, type ParameterEntry } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/**
 * Distance of two flat gradients as gradient matching measures it: over every parameter tensor with output units, the sum
 * over units of `1 − ⟨a, b⟩ / (‖a‖·‖b‖ + 1e-6)`; vectors (bias, scale, shift) are skipped.
 *
 * Differentiable in both, twice.
 *
 * @param a `[P]`.
 * @param b `[P]`.
 * @see Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", eq. 10 and the authors' code.
 */
export function gradientDistance(
  a: tf.Tensor1D,
  b: tf.Tensor1D,
  parameters: readonly ParameterEntry[],
): tf.Scalar {
  ensureGradients();
  const distances = parameters
    .filter(({ outputAxis }) => outputAxis >= 0)
    .map((entry) => {
      const [rowsA, rowsB] = [unitRows(a, entry), unitRows(b, entry)];
      const dot = tf.sum(tf.mul(rowsA, rowsB), 1);
      const norms = tf.mul(rowNorms(rowsA), rowNorms(rowsB));
      return tf.sum(tf.sub(1, tf.div(dot, tf.add(norms, 1e-6))));
    });
  return tf.addN(distances) as tf.Scalar;
}

/** One parameter tensor as `[units, rest]`. */
function unitRows(flat: tf.Tensor1D, { offset, size, shape, outputAxis }: ParameterEntry): tf.Tensor2D {
  const tensor = tf.reshape(tf.slice(flat, offset, size), [...shape]);
  const others = shape.map((_, axis) => axis).filter((axis) => axis !== outputAxis);
  return tf.reshape(tf.transpose(tensor, [outputAxis, ...others]), [shape[outputAxis]!, -1]);
}

/** Row norms; the floor keeps the slope finite where a row is zero. */
function rowNorms(rows: tf.Tensor2D): tf.Tensor {
  return tf.sqrt(tf.maximum(tf.sum(tf.square(rows), 1), 1e-24));
}
