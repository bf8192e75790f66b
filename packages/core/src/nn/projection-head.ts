import * as tf from "@tensorflow/tfjs-core";
import { defineNetwork } from "./define-network.ts";
import { flatten, linearLayer } from "./linear-layer.ts";
import type { Network } from "./network.ts";

/**
 * What self-supervised losses see of an embedding h and no one after them: `z = W₂·relu(W₁·h + b₁) + b₂`. As a network its images are
 * the embeddings, `[N, 1, 1, features]`, and its class scores z, `[N, outputs]`.
 *
 * Differs: with biases and without the batch normalisation of the authors' code, as the paper's formula has it, so that networks
 * with any normalisation can be trained.
 *
 * @param features Length of an embedding.
 * @param width Hidden units.
 * @throws {ConfigError} if a size is not a positive whole number.
 * @see Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations" (ICML 2020), section 2.1.
 */
export function projectionHead(features: number, width: number, outputs: number): Network {
  return defineNetwork("projection head", { inputShape: [1, 1, features], classes: outputs }, (plan) => {
    const hidden = linearLayer(plan, "hidden", features, width);
    const head = linearLayer(plan, "head", width, outputs);
    return (pass, embeddings) => {
      const embedding = tf.relu(hidden(pass, flatten(embeddings)));
      return { embedding, logits: head(pass, embedding) };
    };
  });
}
