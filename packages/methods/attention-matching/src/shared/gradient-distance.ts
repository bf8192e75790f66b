import { ensureGradients, type ParameterEntry } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/**
 * Distance of two flat gradients as gradient matching measures it: over every parameter tensor with output units, the sum
 * over units of `1 − ⟨a, b⟩ / (‖a‖·‖b‖ + 1e-6)`; vectors (bias, scale, shift) are skipped.
 *
 * Differentiable in both, twice. From 0 to 2 for each output unit: ConvNet-3 of width 128 with ten classes has 394.
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
      return tf.sum(tf.sub(1, rowCosines(rowsA, rowsB)));
    });
  return tf.addN(distances) as tf.Scalar;
}

/** `1 − ⟨a, b⟩ / (‖a‖·‖b‖ + 1e-6)` of the whole gradients, biases included: an alternative of the authors' code. Differentiable, twice. */
export function globalCosineDistance(a: tf.Tensor1D, b: tf.Tensor1D): tf.Scalar {
  ensureGradients();
  return tf.sum(
    tf.sub(1, rowCosines(tf.expandDims(a, 0) as tf.Tensor2D, tf.expandDims(b, 0) as tf.Tensor2D)),
  );
}

/**
 * Sum of the squared (`mse`) or absolute (`l1`) differences of two flat gradients, over the given parameter tensors. (Despite its
 * name `mse` is not a mean, as in the authors' code.) Differentiable; `l1` once.
 *
 * @param a `[P]`.
 * @param b `[P]`.
 * @see Kim et al., "Dataset Condensation via Efficient Synthetic-Data Parameterization" (ICML 2022), section 5 and the authors' code.
 */
export function differenceDistance(
  metric: "mse" | "l1",
  a: tf.Tensor1D,
  b: tf.Tensor1D,
  parameters: readonly ParameterEntry[],
): tf.Scalar {
  ensureGradients();
  const difference = tf.sub(a, b);
  const distances = parameters.map(({ offset, size }) => {
    const part = tf.slice(difference, offset, size);
    return tf.sum(metric === "mse" ? tf.square(part) : tf.abs(part));
  });
  return tf.addN(distances) as tf.Scalar;
}

/** Cosines of the rows of two matrices `[units, rest]`: `[units]`. */
function rowCosines(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor {
  const dot = tf.sum(tf.mul(a, b), 1);
  return tf.div(dot, tf.add(tf.mul(rowNorms(a), rowNorms(b)), 1e-6));
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
