import {
  convLayer,
  defineNetwork,
  layerNormLayer,
  linearLayer,
  transformerBlock,
  type Network,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import type { ClipTransformerSizes } from "./clip-model.ts";

/**
 * CLIP's vision transformer with a linear head: patches, a class token and positions, a normalisation before the blocks, the class token
 * normalised and projected. Its embedding is the unit feature vector times the published scale, so that with text features as its
 * head the class scores are those of zero-shot classification.
 *
 * @param scale exp of the published `logit_scale`.
 * @see Radford et al., "Learning transferable visual models from natural language supervision" (ICML 2021), section 2.4.
 */
export function visionNetwork(sizes: ClipTransformerSizes, classes: number, scale: number): Network {
  const { image, patch, visionWidth: width, visionLayers, visionHeads: heads, features } = sizes;
  const inputShape = [image, image, 3] as const;
  return defineNetwork(sizes.name, { inputShape, classes }, (plan) => {
    const patches = convLayer(plan, "patches", inputShape, {
      filters: width,
      kernel: patch,
      stride: patch,
      pad: 0,
      bias: false,
      norm: "none",
      activation: "identity",
      isBlock: false,
    });
    const [rows, columns] = patches.outputShape;
    const tokens = rows * columns + 1;
    const first = plan.embedding<tf.Tensor1D>("class", [width]);
    const positions = plan.embedding("positions", [tokens, width]);
    const before = layerNormLayer(plan, "before", width);
    const blocks = Array.from({ length: visionLayers }, (_, i) =>
      transformerBlock(plan, `block${i}`, { width, heads, tokens, activation: "quick-gelu" }),
    );
    const after = layerNormLayer(plan, "after", width);
    const projection = plan.weight<tf.Tensor2D>("projection/weight", [width, features], width);
    const head = linearLayer(plan, "head", features, classes);
    return (pass, images) => {
      const n = images.shape[0];
      const maps = tf.reshape(patches.forward(pass, images), [n, tokens - 1, width]);
      const token = tf.tile(tf.reshape(first(pass), [1, 1, width]), [n, 1, 1]);
      let x: tf.Tensor3D = before(pass, tf.add(tf.concat([token, maps], 1), positions(pass)));
      for (const block of blocks) x = block(pass, x);
      const seen = after(pass, tf.reshape(tf.slice(x, [0, 0, 0], [n, 1, width]), [n, width]));
      const embedding: tf.Tensor2D = tf.mul(unitRows(tf.matMul(seen, projection(pass))), scale);
      return { embedding, logits: head(pass, embedding) };
    };
  });
}

/** Rows of length 1. Differentiable twice. */
export function unitRows(x: tf.Tensor2D): tf.Tensor2D {
  return tf.mul(x, tf.rsqrt(tf.sum(tf.square(x), 1, true)));
}
