import { gradientDistance } from "@limbeck/attention-matching";
import { gradientAlong, softmaxCrossEntropy } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import {
  REAL_PER_CLASS,
  SYNTHETIC_PER_CLASS,
  workloadImages,
  workloadLabels,
  workloadNetwork,
  workloadTheta,
} from "./fixed-inputs.ts";
import { checksum, type Workload } from "./measure.ts";

/**
 * DC's loss for one class and its gradient in the synthetic images: with gS = ∇θ loss(S) and v = ∂D(gS, gR)/∂gS, the gradient
 * is ∂⟨∇θ loss(θ, S), v⟩/∂S, one second derivative along v.
 */
export const gradientStep: Workload = {
  name: "gradient-step",
  unit: `DC loss, one class, ${REAL_PER_CLASS} real + ${SYNTHETIC_PER_CLASS} synthetic, gradient to the images`,
  multiplyAdds: () => (3 * REAL_PER_CLASS + 12 * SYNTHETIC_PER_CLASS) * workloadNetwork().multiplyAdds,
  prepare() {
    const network = workloadNetwork();
    const theta = workloadTheta(network, "theta");
    const real = workloadImages(REAL_PER_CLASS, "real");
    const synthetic = workloadImages(SYNTHETIC_PER_CLASS, "synthetic");
    const [realLabels, labels] = [
      workloadLabels(REAL_PER_CLASS, () => 0),
      workloadLabels(SYNTHETIC_PER_CLASS, () => 0),
    ];
    const lossGradient = (images: tf.Tensor4D, oneHot: tf.Tensor2D): tf.Tensor1D =>
      tf.grad((at) =>
        softmaxCrossEntropy(
          network.apply(at as tf.Tensor1D, images, { differentiate: "parameters" }).logits,
          oneHot,
        ),
      )(theta) as tf.Tensor1D;
    return {
      async run() {
        const gradient = tf.tidy(() => {
          const wanted = lossGradient(real, realLabels);
          const got = lossGradient(synthetic, labels);
          const direction = tf.grad((g) => gradientDistance(g as tf.Tensor1D, wanted, network.parameters))(
            got,
          );
          return gradientAlong(
            (at, images, oneHot) => softmaxCrossEntropy(network.apply(at, images).logits, oneHot),
            theta,
            synthetic,
            labels,
            direction as tf.Tensor1D,
          ).images;
        });
        return checksum(await gradient.data(), [gradient]);
      },
      dispose: () => tf.dispose([theta, real, synthetic, realLabels, labels]),
    };
  },
};
