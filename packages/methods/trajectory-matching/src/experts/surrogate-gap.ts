import * as tf from "@tensorflow/tfjs-core";

/** A loss and its gradient at parameters `[P]`. The caller owns both tensors. */
export type GradientAt = (theta: tf.Tensor1D) => { readonly value: tf.Scalar; readonly grad: tf.Tensor1D };

const EPSILON = 1e-12;

/**
 * Gradient of GSAM in its adaptive form, which leads to flat minima: with g = ∇ℓ(θ),
 *
 *     θ' = θ + ρ · θ²⊙g / ‖|θ|⊙g‖      g' = ∇ℓ(θ')      g' − α·(g − ⟨g, g'⟩/‖g'‖² · g')
 *
 * The last part is what of g is orthogonal to g': descending the perturbed loss while the gap between the two losses falls.
 * With ρ = 0 and α = 0 it is g.
 *
 * @param gradientAt The loss, of one batch.
 * @returns `grad` `[P]` and the loss `value` at θ itself.
 * @see Zhuang et al., "Surrogate Gap Minimization Improves Sharpness-Aware Training" (ICLR 2022); Du et al., "Minimizing the
 * Accumulated Trajectory Error to Improve Dataset Distillation" (CVPR 2023), section 3.3; AngusDujw/FTD-distillation,
 * buffer/gsam/gsam.py.
 */
export function surrogateGapGradient(
  gradientAt: GradientAt,
  theta: tf.Tensor1D,
  { radius, weight }: { readonly radius: number; readonly weight: number },
): { readonly value: tf.Scalar; readonly grad: tf.Tensor1D } {
  const { value, grad } = gradientAt(theta);
  const combined = tf.tidy(() => {
    const scale = tf.div(radius, tf.add(tf.norm(tf.mul(theta, grad)), EPSILON));
    const perturbed: tf.Tensor1D = tf.add(theta, tf.mul(scale, tf.mul(tf.square(theta), grad)));
    const there = gradientAt(perturbed).grad;
    const along = tf.div(tf.sum(tf.mul(grad, there)), tf.add(tf.sum(tf.square(there)), EPSILON ** 2));
    const orthogonal = tf.sub(grad, tf.mul(along, there));
    return tf.sub(there, tf.mul(orthogonal, weight)) as tf.Tensor1D;
  });
  grad.dispose();
  return { value, grad: combined };
}
