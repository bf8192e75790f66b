import * as tf from "@tensorflow/tfjs-core";
import { ConfigError } from "../errors.ts";
import { convLayer, recordBlock } from "./conv-layer.ts";
import { defineNetwork, type NetworkInput } from "./define-network.ts";
import { checkWidth } from "./feature-network.ts";
import { layerNormLayer } from "./layer-norm.ts";
import { linearLayer } from "./linear-layer.ts";
import type { Network } from "./network.ts";
import { transformerBlock } from "./transformer-block.ts";

export interface VitOptions extends NetworkInput {
  /** Number of blocks. Default 6. */
  readonly depth?: number;
  /** Channels of a token. Default 192. */
  readonly width?: number;
  /** Default a head for every 32 channels. */
  readonly heads?: number;
  /** Side of a patch. Default an eighth of the image's height. */
  readonly patch?: number;
}

/**
 * A small vision transformer: patches by a convolution, learned positions, blocks with the normalisations first, a last normalisation,
 * the mean over all tokens, one linear layer. Default depth 6, width 192 and 8 × 8 patches.
 *
 * Differs: the mean of the tokens in place of a class token, which small data do not need.
 *
 * @throws {ConfigError} if an option is out of range or the patches do not fill the image.
 * @see Dosovitskiy et al., "An image is worth 16x16 words" (ICLR 2021); the mean: Beyer, Zhai and Kolesnikov, "Better plain ViT
 * baselines for ImageNet-1k" (2022).
 */
export function vit(options: VitOptions): Network {
  const { inputShape, classes, depth = 6, width = 192 } = options;
  const name = `vit${depth}${width === 192 ? "" : `-w${width}`}`;
  checkWidth(name, width);
  const [height, side] = inputShape;
  const { heads = Math.max(1, Math.round(width / 32)), patch = Math.max(1, Math.floor(height / 8)) } =
    options;
  if (!Number.isInteger(depth) || depth < 1) {
    throw new ConfigError(`${name}: depth must be a positive whole number, got ${depth}`);
  }
  if (height % patch !== 0 || side % patch !== 0) {
    throw new ConfigError(`${name}: patches of ${patch} do not fill images of ${height}x${side}`);
  }
  return defineNetwork(name, options, (plan) => {
    const patches = convLayer(plan, "patches", inputShape, {
      filters: width,
      kernel: patch,
      stride: patch,
      pad: 0,
      norm: "none",
      activation: "identity",
      isBlock: false,
    });
    const [rows, columns] = patches.outputShape;
    const tokens = rows * columns;
    const positions = plan.embedding(`positions`, [tokens, width]);
    const blocks = Array.from({ length: depth }, (_, i) =>
      transformerBlock(plan, `block${i + 1}`, { width, heads, tokens }),
    );
    const norm = layerNormLayer(plan, "norm", width);
    const head = linearLayer(plan, "head", width, classes);
    return (pass, images) => {
      const n = images.shape[0];
      const start = tf.reshape(patches.forward(pass, images), [n, tokens, width]);
      let x: tf.Tensor3D = tf.add(start, positions(pass));
      for (const block of blocks) {
        x = block(pass, x);
        recordBlock(pass, tf.reshape(x, [n, rows, columns, width]));
      }
      const embedding = tf.mean<tf.Tensor2D>(norm(pass, x), 1);
      return { embedding, logits: head(pass, embedding) };
    };
  });
}
