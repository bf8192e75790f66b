import type { DistillationMethod } from "@limbeck/core";
import { imagesResult, initialImages, matchingForecast, type ImagesState } from "../shared/images-state.ts";
import { matchingStep, type Matching } from "../shared/matching-step.ts";
import { dmConfigSchema } from "./config.ts";
import { dmPresets } from "./presets.ts";

/** The mean of the flattened output of the last block: all that DM matches. */
const embeddingMean: Matching = {
  outputs: {},
  features: [{ term: "mean", weight: 1, rows: (output) => [output.embedding] }],
};

/**
 * DM: synthetic images whose mean embedding, class by class, equals that of real images under random networks.
 *
 *     L = Σ_c ‖ mean ψ(A(R_c)) − mean ψ(A(S_c)) ‖²,  ψ a freshly initialised network's embedding, A a siamese augmentation
 *
 * @see Zhao and Bilen, "Dataset Condensation with Distribution Matching" (WACV 2023), eq. 4 and algorithm 1.
 */
export const dm: DistillationMethod<typeof dmConfigSchema, ImagesState> = {
  id: "dm",
  title: "Distribution Matching",
  cite: `@inproceedings{zhao2023dm,
  title     = {Dataset Condensation with Distribution Matching},
  author    = {Zhao, Bo and Bilen, Hakan},
  booktitle = {IEEE/CVF Winter Conference on Applications of Computer Vision},
  year      = {2023}
}`,
  configSchema: dmConfigSchema,
  presets: dmPresets,
  openEnded: true,
  steps: (config) => config.iterations,
  forecast: matchingForecast,
  init: initialImages,
  step: (context, state, config, step) => matchingStep(context, state, config, step, embeddingMean),
  result: imagesResult,
};
