import * as tf from "@tensorflow/tfjs-core";
import { convLayer } from "./conv-layer.ts";
import { firstPadding } from "./first-padding.ts";
import { defineNetwork, type NetworkInput } from "./define-network.ts";
import { flatten, linearLayer } from "./linear-layer.ts";
import type { Network } from "./network.ts";

/**
 * LeNet-5 with ReLU and max pooling; the first dense layer fits the image size. Its blocks are the two convolutions.
 *
 * @throws {ConfigError} if the images are below 16 × 16 (12 × 12 with padding).
 */
export function lenet(options: NetworkInput): Network {
  const { inputShape, classes } = options;
  const shared = { kernel: 5, norm: "none", activation: "relu", pooling: "max" } as const;
  return defineNetwork("lenet", options, (plan) => {
    const first = convLayer(plan, "block1", inputShape, {
      ...shared,
      filters: 6,
      pad: firstPadding(inputShape, 0),
    });
    const second = convLayer(plan, "block2", first.outputShape, { ...shared, filters: 16, pad: 0 });
    const [h, w, c] = second.outputShape;
    const hidden1 = linearLayer(plan, "hidden1", h * w * c, 120);
    const hidden2 = linearLayer(plan, "hidden2", 120, 84);
    const head = linearLayer(plan, "head", 84, classes);
    return (pass, images) => {
      const features = flatten(second.forward(pass, first.forward(pass, images)));
      const embedding = tf.relu(hidden2(pass, tf.relu(hidden1(pass, features))));
      return { embedding, logits: head(pass, embedding) };
    };
  });
}
