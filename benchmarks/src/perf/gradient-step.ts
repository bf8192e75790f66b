import { classGradient, gradientDistance } from "@limbeck/attention-matching";
import * as tf from "@tensorflow/tfjs-core";
import {
  REAL_PER_CLASS,
  SYNTHETIC_PER_CLASS,
  workloadImages,
  workloadNetwork,
  workloadTheta,
} from "./fixed-inputs.ts";
import { checksum, type Workload } from "./measure.ts";

/** DC's loss for one class and its gradient in the synthetic images, as DC itself computes them. */
export const gradientStep: Workload = {
  name: "gradient-step",
  unit: `DC loss, one class, ${REAL_PER_CLASS} real + ${SYNTHETIC_PER_CLASS} synthetic, gradient to the images`,
  // Synthetic images: forward pass, backward pass (2), the backward pass of that towards the images (4) and of the forward pass (1).
  multiplyAdds: () => (3 * REAL_PER_CLASS + 8 * SYNTHETIC_PER_CLASS) * workloadNetwork().multiplyAdds,
  prepare() {
    const network = workloadNetwork();
    const theta = workloadTheta(network, "theta");
    const real = workloadImages(REAL_PER_CLASS, "real");
    const stored = workloadImages(SYNTHETIC_PER_CLASS, "synthetic");
    return {
      async run() {
        const { gradient } = tf.tidy(() =>
          classGradient({
            network,
            theta,
            statistics: undefined,
            label: 0,
            real,
            stored,
            batchOf: (images) => images,
            distance: (a, b) => gradientDistance(a, b, network.parameters),
          }),
        );
        return checksum(await gradient.data(), [gradient]);
      },
      dispose: () => tf.dispose([theta, real, stored]),
    };
  },
};
