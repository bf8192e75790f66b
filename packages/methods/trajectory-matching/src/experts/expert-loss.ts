import { softmaxCrossEntropy, type Network } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/** Keeps the derivative of a pixel's length finite where it is 0. */
const EPSILON = 1e-12;

/** What an expert's loss is made of. */
export interface ExpertLossOptions {
  readonly network: Network;
  /** As they are, and augmented, `[N, H, W, C]`. */
  readonly images: tf.Tensor4D;
  readonly augmented: tf.Tensor4D;
  /** `[N, K]`. */
  readonly labels: tf.Tensor2D;
  /** Factor of the cross-entropy. */
  readonly factor: number;
  /** Weight of the gradient penalty. */
  readonly penalty: number;
}

/**
 * Loss of an expert on a batch, differentiable in θ `[P]`:
 *
 *     factor · CE(f(A(x); θ), y) + penalty · mean_{n,h,w} (‖∂Σf(x; θ)/∂x_{n,h,w}‖ − 1)²
 *
 * The norm is over the channels of a pixel, x is the batch before augmentation, the factor does not scale the penalty.
 *
 * @see Shen et al., "AST: Effective Dataset Distillation through Alignment with Smooth and High-Quality Expert Trajectories";
 * shenjiyuan123/AST-Alignment-with-Smooth-Expert, utils.py.
 * Differs: 1e-12 is added below the root, whose derivative at 0 is infinite.
 */
export function expertLoss(theta: tf.Tensor1D, options: ExpertLossOptions): tf.Scalar {
  const { network, images, augmented, labels, factor, penalty } = options;
  const differentiate = "parameters";
  const crossEntropy = softmaxCrossEntropy(network.apply(theta, augmented, { differentiate }).logits, labels);
  const scaled = factor === 1 ? crossEntropy : (tf.mul(crossEntropy, factor) as tf.Scalar);
  if (penalty === 0) return scaled;
  const slopes = tf.grad((x) => tf.sum(network.apply(theta, x as tf.Tensor4D).logits))(images);
  const lengths = tf.sqrt(tf.add(tf.sum(tf.square(slopes), 3), EPSILON));
  return tf.add(scaled, tf.mul(tf.mean(tf.square(tf.sub(lengths, 1))), penalty)) as tf.Scalar;
}

/** Factor of the cross-entropy in a 0-based epoch: from 0.5, linearly up to 1 in epoch `ramp`; 1 without a ramp. */
export function lossRamp(epoch: number, ramp: number): number {
  return epoch < ramp ? 0.5 + (0.5 * epoch) / ramp : 1;
}
