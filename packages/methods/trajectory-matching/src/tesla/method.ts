import { ConfigError, oneHotLabels, type DistillationMethod } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { expertSnapshot } from "../experts/expert-parts.ts";
import { logitsOf } from "../shared/logits-of.ts";
import { matchingStep, trajectoryForecast } from "../shared/match-segment.ts";
import { drawSegment, prepareExperts } from "../shared/segments.ts";
import {
  firstImages,
  hardLabels,
  initialState,
  trajectoryResult,
  type TrajectoryState,
} from "../shared/trajectory-state.ts";
import { teslaConfigSchema, type TeslaConfig } from "./config.ts";
import { teslaPresets } from "./presets.ts";

export type TeslaState = TrajectoryState & {
  /** Scores that the last step's expert gave the images, `[K·ipc, K]`; one-hot rows with hard labels. */
  readonly labels: tf.Tensor2D;
};

/**
 * Trajectory matching with a constant memory: MTT's loss, the gradient of each of the student's steps taken by itself, and labels
 * that the expert at the end of the segment assigns.
 *
 * With `gradient: "exact"` it is MTT's gradient, at the same cost.
 *
 * @see Cui et al., "Scaling Up Dataset Distillation to ImageNet-1K with Constant Memory" (ICML 2023).
 * Differs: the released code drops a factor of 2 in the images' gradient, so its learning rates count double; presets say so.
 */
export const tesla: DistillationMethod<typeof teslaConfigSchema, TeslaState> = {
  id: "tesla",
  title: "Trajectory matching with constant memory",
  cite: `@inproceedings{cui2023scaling,
  title     = {Scaling Up Dataset Distillation to ImageNet-1K with Constant Memory},
  author    = {Cui, Justin and Wang, Ruochen and Si, Si and Hsieh, Cho-Jui},
  booktitle = {International Conference on Machine Learning},
  year      = {2023}
}`,
  configSchema: teslaConfigSchema,
  presets: teslaPresets,
  openEnded: true,
  steps: (config) => config.iterations,
  forecast: (context, config) =>
    trajectoryForecast(context, config, config.labels === "assigned" ? "soft" : "hard"),

  prepare(context, config) {
    checkLabels(config);
    return prepareExperts(context, config);
  },

  init(context, config) {
    const { dataset } = context;
    const labels = oneHotLabels(hardLabels(dataset, config.ipc), dataset.classes.length);
    return { ...initialState(firstImages(context, config), config), labels };
  },

  step(context, state, config, step) {
    const segment = drawSegment(context, config, step, { from: 0, to: config.maxStartEpoch });
    if (config.labels === "hard") {
      const { state: moved, ...told } = matchingStep(context, state, config, segment);
      return { ...told, state: { ...moved, labels: state.labels } };
    }
    const labels = tf.tidy(() => {
      const theta = expertSnapshot(
        context,
        config,
        segment.expert,
        segment.startEpoch + config.matchedEpochs,
      );
      return logitsOf(context.network(config.network), theta, state.images.shape[0], (from, to) =>
        tf.slice(state.images, [from, 0, 0, 0], [to - from, -1, -1, -1]),
      );
    });
    const options = { labels: { rows: labels, space: "logits" } } as const;
    const { state: moved, ...told } = matchingStep(context, state, config, segment, options);
    return { ...told, state: { ...moved, labels } };
  },

  result(context, state, config) {
    if (config.labels === "hard") return trajectoryResult(context, state, config);
    const values = Float32Array.from(state.labels.dataSync());
    return trajectoryResult(context, state, config, { kind: "soft", values, space: "logits" });
  },
};

function checkLabels({ labels, factor }: TeslaConfig): void {
  if (labels === "hard" || factor === 1) return;
  throw new ConfigError(
    `tesla config: labels "assigned" needs factor 1, got ${factor}: a stored image with several training images has no scores of its own`,
  );
}
