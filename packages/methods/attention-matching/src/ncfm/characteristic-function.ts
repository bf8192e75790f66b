import * as tf from "@tensorflow/tfjs-core";
import { classMeans } from "../shared/class-means.ts";

/** An empirical characteristic function at T frequencies, for K classes. */
export interface CharacteristicFunction {
  /** Real part, `[K, T]`. */
  readonly re: tf.Tensor2D;
  /** Imaginary part, `[K, T]`. */
  readonly im: tf.Tensor2D;
}

/** Under square roots: their derivative at 0 is infinite. */
const EPSILON = 1e-12;

/**
 * Empirical characteristic function of each class's rows: `φ(t) = mean_j exp(i·⟨t, f_j⟩)`.
 *
 * Differentiable in both arguments, twice.
 *
 * @param rows Features `[K·n, D]`, class by class.
 * @param frequencies `[T, D]`.
 * @throws {ShapeError} if the number of rows is not a multiple of `classes`.
 */
export function characteristicFunction(
  rows: tf.Tensor2D,
  frequencies: tf.Tensor2D,
  classes: number,
): CharacteristicFunction {
  const angles: tf.Tensor2D = tf.matMul(rows, frequencies, false, true);
  return {
    re: classMeans(tf.cos(angles), classes),
    im: classMeans(tf.sin(angles), classes),
  };
}

/** The distance of two characteristic functions, with its two parts. Scalars; only `distance` is meant to be differentiated. */
export interface CharacteristicDistance {
  readonly distance: tf.Scalar;
  /** `Σ_c mean_t (|φ_r| − |φ_s|)²`. */
  readonly amplitude: tf.Scalar;
  /** `Σ_c mean_t 2·(|φ_r|·|φ_s| − Re φ_r·Re φ_s − Im φ_r·Im φ_s)`. */
  readonly phase: tf.Scalar;
}

/**
 * Neural characteristic function discrepancy of each class, summed over classes:
 *
 *     D = Σ_c mean_t √( α·(|φ_r| − |φ_s|)² + β·2·(|φ_r|·|φ_s| − Re φ_r·Re φ_s − Im φ_r·Im φ_s) )
 *
 * The two parts add up to |φ_r − φ_s|², so α = β = ½ gives `mean_t |φ_r − φ_s| / √2`.
 *
 * Differentiable in both, once.
 *
 * Differs: 1e-12 under every root; the released code has NaN where a characteristic function is exactly 0.
 *
 * @param weights α of the amplitude and β of the phase, at least 0.
 * @see Wang et al., "Dataset Distillation with Neural Characteristic Function: A Minmax Perspective" (CVPR 2025), eq. 5 to 8.
 */
export function characteristicDistance(
  real: CharacteristicFunction,
  synthetic: CharacteristicFunction,
  weights: { readonly amplitude: number; readonly phase: number },
): CharacteristicDistance {
  const [r, s] = [modulus(real), modulus(synthetic)];
  const amplitude = tf.squaredDifference(r, s);
  const aligned = tf.add(tf.mul(real.re, synthetic.re), tf.mul(real.im, synthetic.im));
  const phase = tf.maximum(tf.mul(2, tf.sub(tf.mul(r, s), aligned)), 0);
  const mixed = tf.add(tf.mul(amplitude, weights.amplitude), tf.mul(phase, weights.phase));
  return {
    distance: sumOfMeans(tf.sqrt(tf.add(mixed, EPSILON))),
    amplitude: sumOfMeans(amplitude),
    phase: sumOfMeans(phase),
  };
}

function modulus({ re, im }: CharacteristicFunction): tf.Tensor {
  return tf.sqrt(tf.add(tf.add(tf.square(re), tf.square(im)), EPSILON));
}

/** `[K, T]`: the mean over frequencies, summed over classes. */
function sumOfMeans(values: tf.Tensor): tf.Scalar {
  return tf.sum(tf.mean(values, 1)) as tf.Scalar;
}
