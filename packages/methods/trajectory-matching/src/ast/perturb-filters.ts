import { foldIn, normal, type Key, type ParameterEntry } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/**
 * Parameters `[P]` with noise on the convolution filters: `w ← w + α·d⊙w`, d a random direction of length 1 for each filter bank.
 * Biases, scales, shifts and linear layers stay. The caller owns the tensor.
 */
export function perturbFilters(
  theta: tf.Tensor1D,
  parameters: readonly ParameterEntry[],
  alpha: number,
  key: Key,
): tf.Tensor1D {
  const factors = new Float32Array(theta.shape[0]).fill(1);
  for (const { name, shape, offset, size } of parameters) {
    if (shape.length !== 4) continue;
    const direction = normal(foldIn(key, name), size);
    const length = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
    direction.forEach((value, i) => (factors[offset + i] = 1 + (alpha * value) / length));
  }
  return tf.tidy(() => tf.mul(theta, tf.tensor1d(factors)) as tf.Tensor1D);
}
