import { ConfigError, type DistillationMethod } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { matchSegment, termsOf, trajectoryForecast } from "../shared/match-segment.ts";
import { drawSegment, prepareExperts } from "../shared/segments.ts";
import {
  initialState,
  sgdStep,
  trajectoryResult,
  updatedState,
  type TrajectoryState,
} from "../shared/trajectory-state.ts";
import { datmConfigSchema } from "./config.ts";
import { anyImages, correctImages } from "./correct-images.ts";
import { datmPresets } from "./presets.ts";
import { checkRange, startRange } from "./start-range.ts";

export type DatmState = TrajectoryState & {
  /** Logits of the labels, `[K·ipc, K]`, and their momentum. */
  readonly labels: tf.Tensor2D;
  readonly labelVelocity: tf.Tensor2D;
};

/**
 * Difficulty-aligned trajectory matching: start epochs bounded from both sides, for few images early and for many late, the upper
 * bound growing during the run; soft labels, initialised from experts that classify the image correctly and learned with the
 * images; steps whose loss is above the threshold change nothing.
 *
 * @see Guo et al., "Towards Lossless Dataset Distillation via Difficulty-Aligned Trajectory Matching" (ICLR 2024).
 * Differs: the released code scans with one fixed expert first, here the order of the experts is random.
 */
export const datm: DistillationMethod<typeof datmConfigSchema, DatmState> = {
  id: "datm",
  title: "Difficulty-aligned trajectory matching",
  cite: `@inproceedings{guo2024lossless,
  title     = {Towards Lossless Dataset Distillation via Difficulty-Aligned Trajectory Matching},
  author    = {Guo, Ziyao and Wang, Kai and Cazenavette, George and Li, Hui and Zhang, Kaipeng and You, Yang},
  booktitle = {International Conference on Learning Representations},
  year      = {2024}
}`,
  configSchema: datmConfigSchema,
  presets: datmPresets,
  openEnded: true,
  steps: (config) => config.iterations,
  forecast: (context, config) => trajectoryForecast(context, config, "soft"),

  prepare(context, config) {
    checkRange(config);
    if (config.factor !== 1) {
      throw new ConfigError(
        `datm config: factor must be 1, got ${config.factor}: a stored image with several training images has no scores of its own`,
      );
    }
    return prepareExperts(context, config);
  },

  init(context, config) {
    const { images, labels } = config.correctOnly
      ? correctImages(context, config)
      : anyImages(context, config);
    return { ...initialState(images, config), labels, labelVelocity: tf.zerosLike(labels) };
  },

  step(context, state, config, step) {
    const segment = drawSegment(context, config, step, startRange(config, step));
    const rows = state.labels;
    const gradient = matchSegment(context, state, config, segment, { labels: { rows, space: "logits" } });
    try {
      const moved = updatedState(state, gradient, config);
      const told = { loss: gradient.loss, terms: termsOf(gradient, segment, moved) };
      if (moved.images === state.images) {
        return { ...told, state: { ...moved, labels: rows, labelVelocity: state.labelVelocity } };
      }
      const { labelLearningRate, labelMomentum } = config;
      const { values: labels, velocity: labelVelocity } = sgdStep(
        rows,
        state.labelVelocity,
        gradient.labels,
        labelLearningRate,
        labelMomentum,
      );
      return { ...told, state: { ...moved, labels, labelVelocity } };
    } finally {
      tf.dispose([gradient.images, gradient.labels]);
    }
  },

  result(context, state, config) {
    const values = Float32Array.from(state.labels.dataSync());
    return trajectoryResult(context, state, config, { kind: "soft", values, space: "logits" });
  },
};
