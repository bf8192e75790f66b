import { softmaxCrossEntropy } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { CLASSES, workloadImages, workloadLabels, workloadNetwork, workloadTheta } from "./fixed-inputs.ts";
import { checksum, type Workload } from "./measure.ts";

const BATCH = 256;

/** Forward and backward of the training loss on 256 images. */
export const trainStep: Workload = {
  name: "train-step",
  unit: `forward and backward, batch ${BATCH}`,
  multiplyAdds: () => 3 * BATCH * workloadNetwork().multiplyAdds,
  prepare() {
    const network = workloadNetwork();
    const theta = workloadTheta(network, "theta");
    const images = workloadImages(BATCH, "train");
    const labels = workloadLabels(BATCH, (i) => i % CLASSES);
    const loss = (at: tf.Tensor): tf.Scalar =>
      softmaxCrossEntropy(
        network.apply(at as tf.Tensor1D, images, { differentiate: "parameters" }).logits,
        labels,
      );
    return {
      async run() {
        const gradient = tf.tidy(() => tf.grad(loss)(theta));
        return checksum(await gradient.data(), [gradient]);
      },
      dispose: () => tf.dispose([theta, images, labels]),
    };
  },
};
