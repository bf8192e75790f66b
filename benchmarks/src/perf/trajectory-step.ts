import { ensureGradients, gradientAlong, softmaxCrossEntropy, type ParameterLoss } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { CLASSES, workloadImages, workloadLabels, workloadNetwork, workloadTheta } from "./fixed-inputs.ts";
import { checksum, type Workload } from "./measure.ts";

const IMAGES = 100;
const STEP_SIZE = 0.01;

/**
 * `steps` SGD steps on 100 images, `L = ‖θ_T − θ*‖² / ‖θ_0 − θ*‖²`, and its gradient in the images and the step size by the exact
 * adjoint: only θ_0 … θ_T are kept, then the steps are walked back with λ ← λ − η·H(θ_t)·λ. Memory is one step's
 * activations and T vectors.
 */
export function trajectoryStepOf(steps: number): Workload {
  return {
    name: "trajectory-step",
    unit: `${steps} inner steps on ${IMAGES} images, gradient to images and step size`,
    multiplyAdds: () => steps * IMAGES * (3 + 9) * workloadNetwork().multiplyAdds,
    prepare() {
      const network = workloadNetwork();
      const [start, target] = [workloadTheta(network, "start"), workloadTheta(network, "target")];
      const images = workloadImages(IMAGES, "images");
      const labels = workloadLabels(IMAGES, (i) => i % CLASSES);
      return {
        async run() {
          const { imageGradient, stepSizeGradient } = trajectoryGradient(
            (at, x, y) => softmaxCrossEntropy(network.apply(at, x).logits, y),
            { start, target, images, labels, steps, stepSize: STEP_SIZE },
          );
          const [a, b] = [await imageGradient.data(), await stepSizeGradient.data()];
          return checksum(a, [imageGradient]) + checksum(b, [stepSizeGradient]);
        },
        dispose: () => tf.dispose([start, target, images, labels]),
      };
    },
  };
}

/** The published size. */
export const trajectoryStep: Workload = trajectoryStepOf(10);

export interface Trajectory {
  /** θ_0 `[P]` and θ* `[P]`. */
  readonly start: tf.Tensor1D;
  readonly target: tf.Tensor1D;
  readonly images: tf.Tensor4D;
  readonly labels: tf.Tensor2D;
  readonly steps: number;
  readonly stepSize: number;
}

/**
 * Gradient of `‖θ_T − θ*‖² / ‖θ_0 − θ*‖²` after `steps` full-batch SGD steps, in the images and the step size, by walking
 * back over snapshots: exact, without the unrolled graph. The caller owns both tensors.
 */
export function trajectoryGradient(
  loss: ParameterLoss,
  { start, target, images, labels, steps, stepSize }: Trajectory,
): { imageGradient: tf.Tensor4D; stepSizeGradient: tf.Scalar } {
  ensureGradients();
  const snapshots = [start];
  for (let t = 0; t < steps; t++) {
    snapshots.push(
      tf.tidy(() => {
        const gradient = tf.grad((at) => loss(at as tf.Tensor1D, images, labels))(snapshots[t]!);
        return tf.sub(snapshots[t]!, tf.mul(stepSize, gradient)) as tf.Tensor1D;
      }),
    );
  }
  let [lambda, imageGradient, stepSizeGradient] = tf.tidy(() => {
    const scale = tf.sum(tf.squaredDifference(start, target));
    const last = tf.div(tf.mul(2, tf.sub(snapshots[steps]!, target)), scale) as tf.Tensor1D;
    return [last, tf.zerosLike(images), tf.scalar(0)] as [tf.Tensor1D, tf.Tensor4D, tf.Scalar];
  });
  for (let t = steps - 1; t >= 0; t--) {
    const before = [lambda, imageGradient, stepSizeGradient];
    [lambda, imageGradient, stepSizeGradient] = tf.tidy(() => {
      const along = gradientAlong(loss, snapshots[t]!, images, labels, lambda);
      return [
        tf.sub(lambda, tf.mul(stepSize, along.theta)),
        tf.sub(imageGradient, tf.mul(stepSize, along.images)),
        tf.sub(stepSizeGradient, along.value),
      ] as [tf.Tensor1D, tf.Tensor4D, tf.Scalar];
    });
    tf.dispose(before);
  }
  tf.dispose([lambda, ...snapshots.slice(1)]);
  return { imageGradient, stepSizeGradient };
}
