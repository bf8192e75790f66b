import type { DistillationMethod } from "@limbeck/core";
import { imagesResult, initialImages, matchingForecast, type ImagesState } from "../shared/images-state.ts";
import { intermediateBlocks } from "../shared/intermediate-blocks.ts";
import { matchingStep, type Matching, type MatchedFeature } from "../shared/matching-step.ts";
import { datadamConfigSchema, type DatadamConfig } from "./config.ts";
import { datadamPresets } from "./presets.ts";
import { unitAttention } from "./spatial-attention.ts";

/** What DataDAM matches: unit attention maps of every block but the last, and the mean embedding of the last. */
function attentionAndMean(config: DatadamConfig): Matching {
  const features: MatchedFeature[] = [];
  if (config.attentionWeight > 0) {
    features.push({
      term: "attention",
      weight: config.attentionWeight,
      rows: ({ attention }) =>
        intermediateBlocks(attention, "datadam", config.network, "set attentionWeight to 0").map(
          unitAttention,
        ),
    });
  }
  if (config.meanWeight > 0) {
    features.push({ term: "mean", weight: config.meanWeight, rows: ({ embedding }) => [embedding] });
  }
  return { outputs: config.attentionWeight > 0 ? { attentionPower: config.attentionPower } : {}, features };
}

/**
 * DataDAM: spatial attention maps of the intermediate blocks and the mean embedding of the last one, matched class by
 * class between real and synthetic images under random networks.
 *
 *     L = attentionWeight · Σ_c Σ_{l<L} ‖ mean z_l(R_c) − mean z_l(S_c) ‖² + meanWeight · Σ_c ‖ mean ψ(R_c) − mean ψ(S_c) ‖²
 *
 * z_l: `Σ_channels |activation before pooling|^p` of block l, each image's map divided by its norm before averaging.
 *
 * Differs: the released code multiplies both terms by 100, uses p = 1 and a batch-normalised network; the paper's table
 * says p = 4 and instance normalisation. Presets ending in `-code` and `-paper` hold the two.
 *
 * @see Sajedi, Khaki, Amjadian, Liu, Lawryshyn and Plataniotis, "DataDAM" (ICCV 2023), eq. 1 to 5.
 */
export const datadam: DistillationMethod<typeof datadamConfigSchema, ImagesState> = {
  id: "datadam",
  title: "DataDAM: attention matching",
  cite: `@inproceedings{sajedi2023datadam,
  title     = {{DataDAM}: Efficient Dataset Distillation with Attention Matching},
  author    = {Sajedi, Ahmad and Khaki, Samir and Amjadian, Ehsan and Liu, Lucy Z. and Lawryshyn, Yuri A. and Plataniotis, Konstantinos N.},
  booktitle = {IEEE/CVF International Conference on Computer Vision},
  year      = {2023}
}`,
  configSchema: datadamConfigSchema,
  presets: datadamPresets,
  openEnded: true,
  steps: (config) => config.iterations,
  forecast: matchingForecast,
  init: initialImages,
  step: (context, state, config, step) =>
    matchingStep(context, state, config, step, attentionAndMean(config)),
  result: imagesResult,
};
