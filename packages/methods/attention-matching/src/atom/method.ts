import type { DistillationMethod } from "@limbeck/core";
import { unitAttention } from "../datadam/spatial-attention.ts";
import { imagesResult, initialImages, matchingForecast, type ImagesState } from "../shared/images-state.ts";
import { intermediateBlocks } from "../shared/intermediate-blocks.ts";
import { matchingStep, type Matching, type MatchedFeature } from "../shared/matching-step.ts";
import { unitRows } from "../shared/unit-rows.ts";
import { unitChannelAttention } from "./channel-attention.ts";
import { atomConfigSchema, type AtomConfig } from "./config.ts";
import { atomPresets } from "./presets.ts";

/** What ATOM matches: where and in which channels every block but the last is active, and the mean embedding of the last. */
function mixedAttention(config: AtomConfig): Matching {
  const { attentionWeight, channelWeight, meanWeight, channelPower, network } = config;
  const features: MatchedFeature[] = [];
  if (attentionWeight > 0) {
    features.push({
      term: "spatial",
      weight: attentionWeight,
      rows: ({ attention }) =>
        intermediateBlocks(attention, "atom", network, "set attentionWeight to 0").map(unitAttention),
    });
  }
  if (channelWeight > 0) {
    features.push({
      term: "channel",
      weight: channelWeight,
      rows: ({ channelAttention, activations }) =>
        activations === undefined
          ? intermediateBlocks(channelAttention, "atom", network, "set channelWeight to 0").map(unitRows)
          : intermediateBlocks(activations, "atom", network, "set channelWeight to 0").map((activation) =>
              unitChannelAttention(activation, channelPower),
            ),
    });
  }
  if (meanWeight > 0) {
    features.push({ term: "mean", weight: meanWeight, rows: ({ embedding }) => [embedding] });
  }
  return { outputs: outputsOf(config), features };
}

/** The attention of one power comes with the blocks; that of a second one is taken from whole activations. */
function outputsOf(config: AtomConfig): Matching["outputs"] {
  const { attentionWeight, channelWeight, attentionPower, channelPower } = config;
  if (channelWeight === 0) return attentionWeight === 0 ? {} : { attentionPower };
  if (attentionWeight === 0) return { attentionPower: channelPower };
  return { attentionPower, ...(attentionPower === channelPower ? {} : { activations: true }) };
}

/**
 * ATOM, the attention mixer: DataDAM with a channel term from the same activations, matched class by class between real and
 * synthetic images under random networks.
 *
 *     L = Σ_c Σ_{l<L} ( w_s · ‖ mean z_l(R_c) − mean z_l(S_c) ‖² + w_q · ‖ mean q_l(R_c) − mean q_l(S_c) ‖² )
 *         + λ · Σ_c ‖ mean ψ(R_c) − mean ψ(S_c) ‖²
 *
 * z_l: unit spatial attention `Σ_channels |a|^p` of block l before pooling; q_l: unit channel attention `Σ_positions |a|^p`.
 *
 * With equal powers both attentions come out of one sweep and a step costs what DataDAM's does; with different ones the channel
 * term reads whole activations, and the networks are composed of plain operations. With channel weight 0 it is DataDAM, to the bit.
 *
 * Differs: no code was ever released; powers, weights and iterations are DataDAM's, with equal weights for the two terms.
 *
 * @see Khaki, Sajedi, Wang, Liu, Lawryshyn and Plataniotis, "ATOM: Attention Mixer for Efficient Dataset Distillation"
 * (CVPR workshops 2024), and its supplement.
 */
export const atom: DistillationMethod<typeof atomConfigSchema, ImagesState> = {
  id: "atom",
  title: "ATOM: attention mixer",
  cite: `@inproceedings{khaki2024atom,
  title     = {{ATOM}: Attention Mixer for Efficient Dataset Distillation},
  author    = {Khaki, Samir and Sajedi, Ahmad and Wang, Kai and Liu, Lucy Z. and Lawryshyn, Yuri A. and Plataniotis, Konstantinos N.},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition Workshops},
  year      = {2024}
}`,
  configSchema: atomConfigSchema,
  presets: atomPresets,
  openEnded: true,
  steps: (config) => config.iterations,
  forecast: matchingForecast,
  init: initialImages,
  step: (context, state, config, step) => matchingStep(context, state, config, step, mixedAttention(config)),
  result: imagesResult,
};
