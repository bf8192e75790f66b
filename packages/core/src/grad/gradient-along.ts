import * as tf from "@tensorflow/tfjs-core";
import type { Differentiate } from "../nn/network.ts";
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

interface Halves {
  readonly both: "theta" | "images" | "labels";
  readonly images: "images" | "labels";
  readonly parameters: "theta";
}

/**
 * Derivatives of `⟨∇θ loss(θ, X, Y), v⟩`: the one second-derivative call that trajectory matching needs, exact. With v the
 * adjoint λ of an unrolled training run, `theta` is H·λ, `value` the step size's part, `images` and `labels` theirs.
 *
 * @param loss Twice differentiable in θ and in the other arguments.
 * @param v Direction `[P]`, a constant.
 * @param differentiate Which derivatives are wanted: `images` those in X and Y, `parameters` the one in θ. Half of each
 * block's second backward pass is saved where the other is not wanted.
 * @returns Tensors that the caller owns: `value` and the derivatives that are wanted.
 */
export function gradientAlong<Wanted extends Differentiate = "both">(
  loss: ParameterLoss,
  theta: tf.Tensor1D,
  images: tf.Tensor4D,
  labels: tf.Tensor2D,
  v: tf.Tensor1D,
  differentiate?: Wanted,
): Pick<GradientAlong, "value" | Halves[Wanted]> {
  ensureGradients();
  const all = { theta, images, labels };
  const names = (["theta", "images", "labels"] as const).filter(
    (name) => differentiate !== (name === "theta" ? "images" : "parameters"),
  );
  const along = (...args: tf.Tensor[]): tf.Scalar => {
    const given = { ...all, ...Object.fromEntries(names.map((name, i) => [name, args[i]])) };
    const gradient = tf.grad((t) => loss(t as tf.Tensor1D, given.images, given.labels))(given.theta);
    return tf.sum(tf.mul(gradient, v));
  };
  const { value, grads } = tf.valueAndGrads(along)(names.map((name) => all[name]));
  const derivatives = Object.fromEntries(names.map((name, i) => [name, grads[i]!]));
  return { value, ...derivatives } as unknown as GradientAlong;
}
