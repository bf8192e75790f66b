import * as tf from "@tensorflow/tfjs-core";
import { normaliseImages, oneHotLabels, softmaxCrossEntropy, type Key, type RunContext } from "@limbeck/core";
import { classGroups } from "../shared/class-groups.ts";
import { addTerms, gradientWithTerms } from "../shared/gradient-with-terms.ts";
import { concatenate, syntheticBatch } from "../shared/synthetic-batch.ts";
import type { NcfmConfig } from "./config.ts";

/**
 * Cross-entropy of the decoded images of every class under a trained network, a mean over each class's images summed over
 * classes, with its gradient in the pixels. Call it inside `tf.tidy`.
 *
 * @param theta The trained network, `[P]`.
 * @param key Of this calibration step.
 */
export function calibrate(
  context: RunContext,
  pixels: tf.Tensor4D,
  config: NcfmConfig,
  theta: tf.Tensor1D,
  key: Key,
): { readonly gradient: tf.Tensor4D; readonly loss: number } {
  const { dataset } = context;
  const network = context.network(config.network);
  const perClass = config.ipc * config.factor ** 2;
  const terms: Record<string, number> = {};
  const gradients = classGroups(dataset.classes.length, perClass).map((group) =>
    tf.tidy(() => {
      const own = tf.slice(
        pixels,
        [group[0]! * config.ipc, 0, 0, 0],
        [group.length * config.ipc, -1, -1, -1],
      ) as tf.Tensor4D;
      const labels = oneHotLabels(
        group.flatMap((label) => Array.from({ length: perClass }, () => label)),
        dataset.classes.length,
      );
      const found = gradientWithTerms(own, (at) => {
        const images = normaliseImages(at, dataset.normalisation);
        const batch = syntheticBatch(images, { ...config, flipEmbedding: false }, dataset, key, group);
        const { logits } = network.apply(theta, batch, { differentiate: "images" });
        const loss = tf.mul(
          softmaxCrossEntropy(logits, labels),
          config.calibrationWeight * group.length,
        ) as tf.Scalar;
        return { loss, terms: { calibration: loss } };
      });
      addTerms(terms, found.terms);
      return found.gradient;
    }),
  );
  return { gradient: concatenate(gradients), loss: terms["calibration"]! };
}
