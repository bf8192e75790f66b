import type { DistillationMethod } from "@limbeck/core";
import {
  gradientForecast,
  gradientMatchingStep,
  initialGradientState,
  type GradientState,
} from "../shared/gradient-matching.ts";
import { imagesResult } from "../shared/images-state.ts";
import { dcConfigSchema } from "./config.ts";
import { dcPresets } from "./presets.ts";

/**
 * DC: synthetic images on which the loss of a network has the gradient that it has on real ones, class by class, at every stage of
 * its training on the synthetic images.
 *
 *     L = Σ_c D( ∇θ CE(S_c; θ), ∇θ CE(R_c; θ) ),  D the sum over output units of 1 − cosine
 *
 * @see Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching" (ICLR 2021), eq. 9 and 10, algorithm 1.
 */
export const dc: DistillationMethod<typeof dcConfigSchema, GradientState> = {
  id: "dc",
  title: "Dataset Condensation with gradient matching",
  cite: `@inproceedings{zhao2021dc,
  title     = {Dataset Condensation with Gradient Matching},
  author    = {Zhao, Bo and Mopuri, Konda Reddy and Bilen, Hakan},
  booktitle = {International Conference on Learning Representations},
  year      = {2021}
}`,
  configSchema: dcConfigSchema,
  presets: dcPresets,
  openEnded: true,
  steps: (config) => config.iterations,
  forecast: gradientForecast,
  init: initialGradientState,
  step: gradientMatchingStep,
  result: imagesResult,
};
