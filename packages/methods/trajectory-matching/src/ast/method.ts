import { ConfigError, foldIn, integers, type DistillationMethod } from "@limbeck/core";
import type * as tf from "@tensorflow/tfjs-core";
import { expertSnapshot } from "../experts/expert-parts.ts";
import { matchingStep, trajectoryForecast, type MatchOptions } from "../shared/match-segment.ts";
import { drawSegment, epochsOf, prepareExperts } from "../shared/segments.ts";
import {
  firstImages,
  initialState,
  trajectoryResult,
  type TrajectoryState,
} from "../shared/trajectory-state.ts";
import { astConfigSchema, type AstConfig } from "./config.ts";
import { perturbFilters } from "./perturb-filters.ts";
import { astPresets } from "./presets.ts";
import { balanceFactor } from "./start-balance.ts";

/**
 * Alignment with smooth and high-quality expert trajectories: experts with a rising loss and a gradient penalty; images that are
 * representative for an expert to start from; a student with momentum that starts from perturbed filters, whose loss is balanced
 * over the start epochs, and which is matched on its way too.
 *
 *     L = Σ_{k<M} w_k·‖θ_{k⌊N/M⌋} − θ*_{t+k}‖²/‖θ_0 − θ*_{t+k}‖² + ‖θ_N − θ*_{t+M}‖²/‖θ_0 − θ*_{t+M}‖²
 *
 * @see Shen et al., "AST: Effective Dataset Distillation through Alignment with Smooth and High-Quality Expert Trajectories";
 * shenjiyuan123/AST-Alignment-with-Smooth-Expert, distill.py and utils.py. Which of its switches are which terms of the paper is
 * our reading.
 * Differs: as many clusters as images per class, one image from each; the code has ten and takes ⌊ipc/10⌋, none below 10.
 */
export const ast: DistillationMethod<typeof astConfigSchema, TrajectoryState> = {
  id: "ast",
  title: "Alignment with smooth expert trajectories",
  cite: `@article{shen2023ast,
  title   = {AST: Effective Dataset Distillation through Alignment with Smooth and High-Quality Expert Trajectories},
  author  = {Shen, Jiyuan and Yang, Wenzhuo and Lam, Kwok-Yan},
  journal = {arXiv preprint arXiv:2310.10541},
  year    = {2023}
}`,
  configSchema: astConfigSchema,
  presets: astPresets,
  openEnded: true,
  steps: (config) => config.iterations,
  forecast: (context, config) => trajectoryForecast(context, config),

  prepare(context, config) {
    if (config.intermediate !== "none" && config.innerSteps < config.matchedEpochs) {
      throw new ConfigError(
        `ast config: matching on the way needs at least as many innerSteps as matchedEpochs, got ${config.innerSteps} and ${config.matchedEpochs}`,
      );
    }
    return prepareExperts(context, config);
  },

  init(context, config) {
    if (config.initialisation !== "kmeans") return initialState(firstImages(context, config), config);
    const network = context.network(config.network);
    const [expert] = integers(foldIn(context.key, "representative"), 1, 0, config.experts);
    const theta = expertSnapshot(context, config, expert!, epochsOf(config));
    try {
      const embed = (images: tf.Tensor4D) => network.apply(theta, images).logits;
      return initialState(firstImages(context, config, embed), config);
    } finally {
      theta.dispose();
    }
  },

  step(context, state, config, step) {
    const segment = drawSegment(context, config, step, { from: 0, to: config.maxStartEpoch });
    const { parameters } = context.network(config.network);
    const { perturbation, balance, innerMomentum } = config;
    return matchingStep(context, state, config, segment, {
      momentum: innerMomentum,
      intermediate: onTheWay(config),
      ...(balance && { factor: balanceFactor(segment.startEpoch, config.maxStartEpoch) }),
      ...(perturbation > 0 && {
        perturb: (theta: tf.Tensor1D) =>
          perturbFilters(theta, parameters, perturbation, foldIn(segment.key, "perturb")),
      }),
    });
  },

  result: (context, state, config) => trajectoryResult(context, state, config),
};

/** The expert's epochs that are matched before the last, at the student's steps k·⌊N/M⌋. */
export function onTheWay({
  intermediate,
  innerSteps,
  matchedEpochs,
}: Pick<AstConfig, "intermediate" | "innerSteps" | "matchedEpochs">): NonNullable<
  MatchOptions["intermediate"]
> {
  if (intermediate === "none") return [];
  const stride = Math.floor(innerSteps / matchedEpochs);
  return Array.from({ length: matchedEpochs - 1 }, (_, i) => ({
    epochs: i + 1,
    step: (i + 1) * stride,
    weight: intermediate === "equal" ? 1 : (i + 1) / matchedEpochs,
  }));
}
