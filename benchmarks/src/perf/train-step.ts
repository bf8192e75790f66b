import { softmaxCrossEntropy } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { CLASSES, workloadImages, workloadLabels, workloadNetwork, workloadTheta } from "./fixed-inputs.ts";
import { checksum, type Workload } from "./measure.ts";

/** Sizes of a training step. */
export interface TrainStepSizes {
  readonly batch: number;
  /** Network of the zoo. */
  readonly network: string;
  /** Of the images. */
  readonly side: number;
}

/** Forward and backward of the training loss on a batch of images. */
export function trainStepOf({ batch, network: name, side }: TrainStepSizes): Workload {
  return {
    name: "train-step",
    unit: `forward and backward, batch ${batch}`,
    multiplyAdds: () => 3 * batch * workloadNetwork(name, side).multiplyAdds,
    prepare() {
      const network = workloadNetwork(name, side);
      const theta = workloadTheta(network, "theta");
      const images = workloadImages(batch, "train", side);
      const labels = workloadLabels(batch, (i) => i % CLASSES);
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
}

/** The published size. */
export const trainStep: Workload = trainStepOf({ batch: 256, network: "convnet3", side: 32 });
