import {
  layerNormLayer,
  NetworkPlan,
  transformerBlock,
  type ForwardPass,
  type ParameterEntry,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import type { ClipSizes } from "./clip-model.ts";
import { unitRows } from "./vision-network.ts";

/** CLIP's text transformer as data and one function. */
export interface TextEncoder {
  readonly parameters: readonly ParameterEntry[];
  readonly parameterCount: number;
  /**
   * Unit features of one prompt, `[1, D]`.
   *
   * @param theta `[parameterCount]`.
   * @param tokens Start, text, end; the end is the token whose features count.
   */
  embed(theta: tf.Tensor1D, tokens: readonly number[]): tf.Tensor2D;
}

/** Where a token must not look: what it adds to a product before the soft-max. */
const HIDDEN = -1e9;

/** Lays out the text transformer: every token sees those before it. */
export function textEncoder(sizes: ClipSizes): TextEncoder {
  const { textWidth: width, textLayers, textHeads: heads, vocabulary, context, features } = sizes;
  const plan = new NetworkPlan();
  const words = plan.embedding<tf.Tensor2D>("tokens", [vocabulary, width]);
  const positions = plan.embedding<tf.Tensor2D>("positions", [context, width]);
  const blocks = Array.from({ length: textLayers }, (_, i) =>
    transformerBlock(plan, `block${i}`, { width, heads, tokens: context, activation: "quick-gelu" }),
  );
  const after = layerNormLayer(plan, "after", width);
  const projection = plan.weight<tf.Tensor2D>("projection/weight", [width, features], width);
  const { parameters, parameterCount } = plan;
  return {
    parameters,
    parameterCount,
    embed: (theta, tokens) =>
      tf.tidy(() => {
        const parts = tf.split(
          theta,
          parameters.map(({ size }) => size),
        );
        const pass: ForwardPass = {
          parameters: parts.map((part, i) => tf.reshape(part, [...parameters[i]!.shape])),
          statistics: "batch",
          attentionPower: 0,
        };
        const length = tokens.length;
        const start = tf.add(
          tf.gather(words(pass), tf.tensor1d([...tokens], "int32")),
          tf.slice(positions(pass), [0, 0], [length, width]),
        );
        const mask = tf.tensor2d(
          Array.from({ length }, (_, s) => Array.from({ length }, (__, t) => (t > s ? HIDDEN : 0))),
        );
        let x = tf.reshape(start, [1, length, width]) as tf.Tensor3D;
        for (const block of blocks) x = block(pass, x, mask);
        const last = tf.reshape(tf.slice(x, [0, length - 1, 0], [1, 1, width]), [1, width]) as tf.Tensor2D;
        return unitRows(tf.matMul(after(pass, last), projection(pass)));
      }),
  };
}
