import * as tf from "@tensorflow/tfjs-core";

/**
 * Mean of the Gaussian kernel over all pairs of rows, averaged over bandwidths: `mean_{i,j,σ} exp(−‖a_i − b_j‖² / 2σ²)`.
 *
 * Differentiable in both, twice.
 *
 * @param a `[N, D]`.
 * @param b `[M, D]`.
 * @param bandwidths σ, each above 0.
 */
export function meanKernel(a: tf.Tensor2D, b: tf.Tensor2D, bandwidths: readonly number[]): tf.Scalar {
  const squares = tf.add(tf.sum(tf.square(a), 1, true), tf.sum(tf.square(b), 1));
  const distances = tf.maximum(tf.sub(squares, tf.mul(2, tf.matMul(a, b, false, true))), 0);
  const means = bandwidths.map((sigma) => tf.mean(tf.exp(tf.mul(distances, -1 / (2 * sigma * sigma)))));
  return tf.div(tf.addN(means), bandwidths.length);
}

/**
 * Squared maximum mean discrepancy of two samples, all pairs counted (the biased estimate, which is 0 for equal samples):
 * `mean k(r, r) − 2·mean k(r, s) + mean k(s, s)`.
 *
 * With σ = 1 it is the expectation of |φ_r(t) − φ_s(t)|² over t ~ N(0, I): the square where NCFM averages the modulus.
 *
 * Differentiable in `synthetic`.
 *
 * @param real `[N, D]`.
 * @param realKernel `meanKernel(real, real, …)`, a constant.
 * @param synthetic `[M, D]`.
 * @see Gretton et al., "A Kernel Two-Sample Test" (JMLR 2012), eq. 5.
 */
export function squaredMmd(
  real: tf.Tensor2D,
  realKernel: tf.Scalar,
  synthetic: tf.Tensor2D,
  bandwidths: readonly number[],
): tf.Scalar {
  const within = meanKernel(synthetic, synthetic, bandwidths);
  const across = meanKernel(real, synthetic, bandwidths);
  return tf.add(realKernel, tf.sub(within, tf.mul(2, across)));
}
