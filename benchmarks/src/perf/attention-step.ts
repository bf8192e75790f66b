import { classMeans, squaredMeanDistance, unitAttention } from "@limbeck/attention-matching";
import type { NetworkOutput } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import {
  CLASSES,
  REAL_PER_CLASS,
  SYNTHETIC_PER_CLASS,
  workloadImages,
  workloadNetwork,
  workloadTheta,
} from "./fixed-inputs.ts";
import { checksum, type Workload } from "./measure.ts";

/** Classes worked through together, as DataDAM itself does on networks without batch statistics. */
const GROUP = 2;

/** DataDAM's loss over ten classes (p = 1, weights 100 and 1) and its gradient in the synthetic images. */
export const attentionStep: Workload = {
  name: "attention-step",
  unit: `DataDAM loss, ${CLASSES} classes × (${REAL_PER_CLASS} real + ${SYNTHETIC_PER_CLASS} synthetic), gradient to the synthetic images`,
  multiplyAdds: () => CLASSES * (REAL_PER_CLASS + 3 * SYNTHETIC_PER_CLASS) * workloadNetwork().multiplyAdds,
  prepare() {
    const network = workloadNetwork();
    const theta = workloadTheta(network, "theta");
    const real = workloadImages(CLASSES * REAL_PER_CLASS, "real");
    const synthetic = workloadImages(CLASSES * SYNTHETIC_PER_CLASS, "synthetic");
    const rows = ({ attention, embedding }: NetworkOutput): tf.Tensor2D[] => [
      ...attention!.slice(0, -1).map(unitAttention),
      embedding,
    ];
    const groupGradient = (first: number): tf.Tensor => {
      const part = (images: tf.Tensor4D, perClass: number): tf.Tensor4D =>
        tf.slice(images, [first * perClass, 0, 0, 0], [GROUP * perClass, -1, -1, -1]);
      const features = rows(network.apply(theta, part(real, REAL_PER_CLASS), { attentionPower: 1 }));
      const means = features.map((feature) => classMeans(feature, GROUP));
      const loss = (images: tf.Tensor): tf.Scalar => {
        const output = network.apply(theta, images as tf.Tensor4D, {
          attentionPower: 1,
          differentiate: "images",
        });
        const distances = rows(output).map((feature, i) =>
          squaredMeanDistance(means[i]!, classMeans(feature, GROUP)),
        );
        const mean = distances.pop()!;
        return tf.add(tf.mul(100, tf.addN(distances)), mean) as tf.Scalar;
      };
      return tf.grad(loss)(part(synthetic, SYNTHETIC_PER_CLASS));
    };
    return {
      async run() {
        const gradients: tf.Tensor[] = [];
        for (let first = 0; first < CLASSES; first += GROUP)
          gradients.push(tf.tidy(() => groupGradient(first)));
        const gradient = tf.concat(gradients, 0);
        return checksum(await gradient.data(), [gradient, ...gradients]);
      },
      dispose: () => tf.dispose([theta, real, synthetic]),
    };
  },
};
