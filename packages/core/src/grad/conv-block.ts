import type * as tf from "@tensorflow/tfjs-core";
import type { ConvBlockAttrs, ConvBlockInputs } from "@limbeck/native";
import { ShapeError } from "../errors.ts";
import type { Differentiate } from "../nn/network.ts";
import { composedConvBlock, type ConvBlockExtras, type ConvBlockOutput } from "./composed-conv-block.ts";
import { refuseGradient } from "./differentiable-op.ts";
import { ensureGradients } from "./ensure-gradients.ts";
import { fusedConvBlock, hasFusedConvBlock } from "./fused-conv-block.ts";

export interface ConvBlockOptions extends ConvBlockExtras {
  /** Which derivatives will be taken; default `both`. An excluded one throws {@link NotDifferentiableError}. */
  readonly differentiate?: Differentiate;
}

/**
 * Convolution (+ bias) → group or batch normalisation → activation → pooling, fused where the back end has the kernels and composed
 * from plain operations elsewhere, with the same meaning.
 *
 *     u = conv(x, filter) + bias      z = (u − mean)·(var + ε)^(−1/2) per sample and group, or per channel over the batch
 *     a = φ(γ·z + β)                  pooled = pool(a)        attention = Σ_c |a_c|^p    channelAttention = Σ_pixels |a_c|^p
 *
 * Differentiable in every input, twice; once only where `attrs.attentionPower` is not 0.
 *
 * @throws {ShapeError} if the filter's input channels are not those of `x`, `groups` does not divide its outputs, or batch
 * normalisation lacks γ or β.
 */
export function convBlock(
  inputs: ConvBlockInputs,
  attrs: ConvBlockAttrs,
  options: ConvBlockOptions = {},
): ConvBlockOutput {
  ensureGradients();
  const { differentiate = "both", activations = false, moments = false } = options;
  const { x, filter } = inputs;
  if (x.shape[3] !== filter.shape[2]) {
    throw new ShapeError(
      `convBlock: filter must have shape [kh,kw,${x.shape[3]},O] for images [${x.shape}], got [${filter.shape}]`,
    );
  }
  if (attrs.norm === "group" && filter.shape[3] % attrs.groups !== 0) {
    throw new ShapeError(
      `convBlock: groups must divide the ${filter.shape[3]} output channels, got ${attrs.groups}`,
    );
  }
  if (attrs.norm === "batch" && (inputs.gamma === undefined || inputs.beta === undefined)) {
    throw new ShapeError(
      `convBlock: batch normalisation wants gamma and beta [${filter.shape[3]}], got none`,
    );
  }
  const guarded = guard(inputs, differentiate);
  if (!activations && hasFusedConvBlock()) return fusedConvBlock(guarded, attrs, moments);
  return composedConvBlock(guarded, attrs, { activations, moments });
}

/** The inputs, with those that `differentiate` excludes refusing to be differentiated. */
function guard(inputs: ConvBlockInputs, differentiate: Differentiate): ConvBlockInputs {
  if (differentiate === "both") return inputs;
  const excluded = differentiate === "parameters" ? ["x"] : ["filter", "bias", "gamma", "beta"];
  return Object.fromEntries(
    Object.entries(inputs as unknown as Readonly<Record<string, tf.Tensor>>).map(([name, tensor]) => [
      name,
      excluded.includes(name)
        ? refuseGradient(
            tensor,
            `convBlock: no derivative in ${name} was prepared (differentiate is "${differentiate}"); use differentiate "both"`,
          )
        : tensor,
    ]),
  ) as unknown as ConvBlockInputs;
}
