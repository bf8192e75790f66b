import { movingAverage, type DistillationMethod } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { matchingStep, trajectoryForecast } from "../shared/match-segment.ts";
import { drawSegment, prepareExperts } from "../shared/segments.ts";
import {
  firstImages,
  initialState,
  trajectoryResult,
  type TrajectoryState,
} from "../shared/trajectory-state.ts";
import { ftdConfigSchema } from "./config.ts";
import { ftdPresets } from "./presets.ts";

export type FtdState = TrajectoryState & {
  /** Moving average of the images. */
  readonly average: tf.Tensor4D;
};

/**
 * Flat trajectory distillation: MTT on experts whose training seeks flat minima (GSAM), so that a student which strays from the
 * expert's way loses less; the result is a moving average of the images.
 *
 * @see Du et al., "Minimizing the Accumulated Trajectory Error to Improve Dataset Distillation" (CVPR 2023).
 * Differs: the released code evaluates the average on the network that it has just trained on the images themselves; here,
 * as for every set, networks are fresh.
 */
export const ftd: DistillationMethod<typeof ftdConfigSchema, FtdState> = {
  id: "ftd",
  title: "Flat trajectory distillation",
  cite: `@inproceedings{du2023minimizing,
  title     = {Minimizing the Accumulated Trajectory Error to Improve Dataset Distillation},
  author    = {Du, Jiawei and Jiang, Yidi and Tan, Vincent Y. F. and Zhou, Joey Tianyi and Li, Haizhou},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  year      = {2023}
}`,
  configSchema: ftdConfigSchema,
  presets: ftdPresets,
  openEnded: true,
  steps: (config) => config.iterations,
  forecast: (context, config) => trajectoryForecast(context, config),
  prepare: prepareExperts,

  init(context, config) {
    const state = initialState(firstImages(context, config), config);
    return { ...state, average: tf.clone(state.images) };
  },

  step(context, state, config, step) {
    const segment = drawSegment(context, config, step, { from: 0, to: config.maxStartEpoch });
    const { state: moved, ...told } = matchingStep(context, state, config, segment);
    const average = movingAverage(state.average, moved.images, config.averageDecay);
    return { ...told, state: { ...moved, average } };
  },

  result: (context, { average, stepSize }, config) =>
    trajectoryResult(context, { images: average, stepSize }, config),
};
