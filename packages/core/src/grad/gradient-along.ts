import * as tf from "@tensorflow/tfjs-core";
import { ensureGradients } from "./ensure-gradients.ts";

/** Scalar loss of parameters θ `[P]`, images X `[N, H, W, C]` and labels Y `[N, K]`. */
export type ParameterLoss = (theta: tf.Tensor1D, images: tf.Tensor4D, labels: tf.Tensor2D) => tf.Scalar;

export interface GradientAlong {
  /** ⟨∇θ loss(θ, X, Y), v⟩, scalar. */
  readonly value: tf.Scalar;
  /** Its derivative in θ: the Hessian times v, `[P]`. */
  readonly theta: tf.Tensor1D;
  /** Its derivative in X, `[N, H, W, C]`. */
  readonly images: tf.Tensor4D;
  /** Its derivative in Y, `[N, K]`. */
  readonly labels: tf.Tensor2D;
}

/**
 * Derivatives of `⟨∇θ loss(θ, X, Y), v⟩`: the one second-derivative call that trajectory matching needs, exact. With v the
 * adjoint λ of an unrolled training run, `theta` is H·λ, `value` the step size's part, `images` and `labels` theirs.
 *
 * @param loss Twice differentiable in θ and in its other arguments.
 * @param v Direction `[P]`, a constant.
 * @returns Four tensors that the caller owns.
 */
export function gradientAlong(
  loss: ParameterLoss,
  theta: tf.Tensor1D,
  images: tf.Tensor4D,
  labels: tf.Tensor2D,
  v: tf.Tensor1D,
): GradientAlong {
  ensureGradients();
  const along = (...args: tf.Tensor[]): tf.Scalar => {
    const [at, x, y] = args as [tf.Tensor1D, tf.Tensor4D, tf.Tensor2D];
    const gradient = tf.grad((t) => loss(t as tf.Tensor1D, x, y))(at);
    return tf.sum(tf.mul(gradient, v));
  };
  const { value, grads } = tf.valueAndGrads(along)([theta, images, labels]);
  const [hessianProduct, imageGradient, labelGradient] = grads as [tf.Tensor1D, tf.Tensor4D, tf.Tensor2D];
  return { value: value as tf.Scalar, theta: hessianProduct, images: imageGradient, labels: labelGradient };
}
