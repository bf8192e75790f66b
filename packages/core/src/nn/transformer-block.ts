import * as tf from "@tensorflow/tfjs-core";
import { selfAttention, tokenLayer } from "./attention.ts";
import { gelu, quickGelu } from "./gelu.ts";
import { layerNormLayer } from "./layer-norm.ts";
import type { ForwardPass, NetworkPlan } from "./network-plan.ts";

export interface TransformerBlockOptions {
  readonly width: number;
  readonly heads: number;
  /** Their number, for forecasts. */
  readonly tokens: number;
  /** Width of the hidden layer over that of the tokens. Default 4. */
  readonly expansion?: number;
  /** Default `gelu`. */
  readonly activation?: "gelu" | "quick-gelu";
}

/**
 * A transformer block with the normalisations first: `x ← x + attention(norm(x))`, `x ← x + W₂·gelu(W₁·norm(x))`. Parameters
 * `name/norm1`, `name/attention`, `name/norm2`, `name/hidden`, `name/out`.
 *
 * @returns Tokens `[N, T, width]` → the same shape.
 * @see Dosovitskiy et al., "An image is worth 16x16 words" (ICLR 2021), equations 2 and 3.
 */
export function transformerBlock(
  plan: NetworkPlan,
  name: string,
  { width, heads, tokens, expansion = 4, activation = "gelu" }: TransformerBlockOptions,
): (pass: ForwardPass, x: tf.Tensor3D, mask?: tf.Tensor2D) => tf.Tensor3D {
  const norm1 = layerNormLayer(plan, `${name}/norm1`, width);
  const attention = selfAttention(plan, `${name}/attention`, width, heads, tokens);
  const norm2 = layerNormLayer(plan, `${name}/norm2`, width);
  const hidden = tokenLayer(plan, `${name}/hidden`, width, expansion * width, tokens);
  const out = tokenLayer(plan, `${name}/out`, expansion * width, width, tokens);
  const activate = activation === "gelu" ? gelu : quickGelu;
  return (pass, x, mask) => {
    const attended: tf.Tensor3D = tf.add(x, attention(pass, norm1(pass, x), mask));
    return tf.add(attended, out(pass, activate(hidden(pass, norm2(pass, attended)))));
  };
}
