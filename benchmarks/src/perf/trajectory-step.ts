import { softmaxCrossEntropy } from "@limbeck/core";
import { trajectoryGradient } from "@limbeck/trajectory-matching";
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
export function trajectoryStepOf(steps: number, name = "trajectory-step"): Workload {
  return {
    name,
    unit: `${steps} inner steps on ${IMAGES} images, gradient to images and step size`,
    multiplyAdds: () => steps * IMAGES * (3 + 9) * workloadNetwork().multiplyAdds,
    prepare() {
      const network = workloadNetwork();
      const [start, target] = [workloadTheta(network, "start"), workloadTheta(network, "target")];
      const images = workloadImages(IMAGES, "images");
      const labels = workloadLabels(IMAGES, (i) => i % CLASSES);
      return {
        async run() {
          const gradient = trajectoryGradient(
            (at, x, y, _, differentiate) =>
              softmaxCrossEntropy(network.apply(at, x, { differentiate }).logits, y),
            {
              start,
              waypoints: [{ step: steps, target, weight: 1 }],
              images,
              labels,
              steps,
              stepSize: STEP_SIZE,
            },
          );
          gradient.labels.dispose();
          return checksum(await gradient.images.data(), [gradient.images]) + gradient.stepSize;
        },
        dispose: () => tf.dispose([start, target, images, labels]),
      };
    },
  };
}

/** The size that the others are measured beside. */
export const trajectoryStep: Workload = trajectoryStepOf(10);
