import type { DistillationMethod } from "@limbeck/core";
import {
  gradientForecast,
  gradientMatchingStep,
  initialGradientState,
  type GradientState,
} from "../shared/gradient-matching.ts";
import { imagesResult } from "../shared/images-state.ts";
import { dsaConfigSchema } from "./config.ts";
import { dsaPresets } from "./presets.ts";

/**
 * DSA: gradient matching where the real and synthetic images of a class undergo the same random, differentiable transformation.
 *
 *     L = Σ_c D( ∇θ CE(A_ω(S_c); θ), ∇θ CE(A_ω(R_c); θ) ),  ω drawn for each class and step
 *
 * @see Zhao and Bilen, "Dataset Condensation with Differentiable Siamese Augmentation" (ICML 2021), eq. 3 and algorithm 1.
 */
export const dsa: DistillationMethod<typeof dsaConfigSchema, GradientState> = {
  id: "dsa",
  title: "Differentiable Siamese Augmentation",
  cite: `@inproceedings{zhao2021dsa,
  title     = {Dataset Condensation with Differentiable Siamese Augmentation},
  author    = {Zhao, Bo and Bilen, Hakan},
  booktitle = {International Conference on Machine Learning},
  year      = {2021}
}`,
  configSchema: dsaConfigSchema,
  presets: dsaPresets,
  openEnded: true,
  steps: (config) => config.iterations,
  forecast: gradientForecast,
  init: initialGradientState,
  step: gradientMatchingStep,
  result: imagesResult,
};
