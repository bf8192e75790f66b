import * as tf from "@tensorflow/tfjs-core";
import { defineNetwork, type NetworkInput } from "./define-network.ts";
import { flatten, linearLayer } from "./linear-layer.ts";
import type { Network } from "./network.ts";

export interface MlpOptions extends NetworkInput {
  /** Units of both hidden layers. Default 128. */
  readonly width?: number;
}

/** Two hidden layers with ReLU. It has no image blocks, so its lists of activations and attention are empty. */
export function mlp(options: MlpOptions): Network {
  const { inputShape, classes, width = 128 } = options;
  return defineNetwork(width === 128 ? "mlp" : `mlp-w${width}`, options, (plan) => {
    const first = linearLayer(plan, "hidden1", inputShape[0] * inputShape[1] * inputShape[2], width);
    const second = linearLayer(plan, "hidden2", width, width);
    const head = linearLayer(plan, "head", width, classes);
    return (pass, images) => {
      const hidden = tf.relu(first(pass, flatten(images)));
      const embedding = tf.relu(second(pass, hidden));
      return { embedding, logits: head(pass, embedding) };
    };
  });
}
