import type { DistillationMethod } from "@limbeck/core";
import { matchingStep, trajectoryForecast } from "../shared/match-segment.ts";
import { drawSegment, prepareExperts } from "../shared/segments.ts";
import {
  firstImages,
  initialState,
  trajectoryResult,
  type TrajectoryState,
} from "../shared/trajectory-state.ts";
import { mttConfigSchema } from "./config.ts";
import { mttPresets } from "./presets.ts";

/**
 * Matching training trajectories: images on which a student, from an expert's parameters after t epochs, arrives in N steps where
 * the expert arrives in M further epochs on the real images; and the step size with which it does.
 *
 *     L = ‖θ_N − θ*_{t+M}‖² / ‖θ*_t − θ*_{t+M}‖²,  θ_0 = θ*_t, t uniform in 0 … T⁺ − 1
 *
 * @see Cazenavette et al., "Dataset Distillation by Matching Training Trajectories" (CVPR 2022), algorithm 1.
 * Differs: experts have as many epochs as are matched, not always 50, and random choices come from keys.
 */
export const mtt: DistillationMethod<typeof mttConfigSchema, TrajectoryState> = {
  id: "mtt",
  title: "Matching training trajectories",
  cite: `@inproceedings{cazenavette2022distillation,
  title     = {Dataset Distillation by Matching Training Trajectories},
  author    = {Cazenavette, George and Wang, Tongzhou and Torralba, Antonio and Efros, Alexei A. and Zhu, Jun-Yan},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  year      = {2022}
}`,
  configSchema: mttConfigSchema,
  presets: mttPresets,
  openEnded: true,
  steps: (config) => config.iterations,
  forecast: (context, config) => trajectoryForecast(context, config),
  prepare: prepareExperts,
  init: (context, config) => initialState(firstImages(context, config), config),
  step(context, state, config, step) {
    const segment = drawSegment(context, config, step, { from: 0, to: config.maxStartEpoch });
    return matchingStep(context, state, config, segment);
  },
  result: (context, state, config) => trajectoryResult(context, state, config),
};
