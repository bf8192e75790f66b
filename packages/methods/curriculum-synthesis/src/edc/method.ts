import {
  constant,
  logSoftmax,
  movingAverage,
  preparedTeacher,
  teacherParts,
  type DistillationMethod,
  type RunContext,
  type StepResult,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { statisticsPart } from "../gvbsm/convolution-statistics.ts";
import { generalisedLoss, type NamedVectors } from "../gvbsm/generalised-loss.ts";
import type { GvbsmState } from "../gvbsm/method.ts";
import { batchPlaces } from "../shared/batches.ts";
import { disposeTeacher } from "../shared/dispose-teacher.ts";
import {
  initialRecovery,
  labelsOf,
  recoverForecast,
  recoverResult,
  recoverStep,
  recoverSteps,
  viewOf,
  type RecoverStepOptions,
  type ViewLoss,
} from "../shared/recover.ts";
import { teacherView } from "../shared/view.ts";
import { batchTargets, classStatisticsPart } from "./class-statistics.ts";
import { edcConfigSchema, type EdcConfig } from "./config.ts";
import { edcPresets } from "./presets.ts";

/** What EDC keeps between two steps besides what G-VBSM keeps. */
export type EdcState = GvbsmState & {
  /** Moving average of the images at work, `[B, H, W, C]`. */
  readonly average: tf.Tensor4D;
};

const teacherName = (k: number): string => `teacher/${k}`;
const statisticsName = (k: number): string => `statistics/${k}`;
const classesName = (k: number): string => `classes/${k}`;

/**
 * `T`-softened divergence of the scores of the images from those of their moving average, the latter constant, as published: a
 * mean over images and classes.
 */
export function smoothingLoss(logits: tf.Tensor2D, average: tf.Tensor2D, temperature: number): tf.Scalar {
  const target = constant(() => logSoftmax(tf.div(average, temperature) as tf.Tensor2D));
  const own = logSoftmax(tf.div(logits, temperature) as tf.Tensor2D);
  return tf.mean(
    tf.mul(
      constant(() => tf.exp(target)),
      tf.sub(target, own),
    ),
  );
}

/** One update under one teacher: they take turns. */
function step(context: RunContext, state: EdcState, config: EdcConfig, number: number): StepResult<EdcState> {
  const k = number % config.teachers.length;
  const teacher = preparedTeacher(context, teacherName(k), config.teachers[k]!);
  const labels = labelsOf(batchPlaces(state.batch, context.dataset.classes.length, config));
  const real: NamedVectors = Object.fromEntries(
    Object.entries(context.prepared!(statisticsName(k))).map(([name, { data }]) => [
      name,
      tf.tensor1d(data as Float32Array),
    ]),
  );
  const ofClasses = batchTargets(context.prepared!(classesName(k)), labels);
  const running = state.running[k] ?? {};
  const updated: Record<string, tf.Tensor1D> = {};
  const scale: RecoverStepOptions["scale"] = () => [config.crop.low, config.crop.high];
  const matching = generalisedLoss({
    teacher,
    real,
    ofClasses,
    running,
    config: { ...config, densityWeight: 0, densityTemperature: 1 },
    labels,
    updated,
  });
  const viewLoss: ViewLoss = (view, rows, key) => {
    const { logits, loss, terms } = matching(view, rows, key);
    if (config.smoothingWeight === 0) return { loss, terms };
    const average = constant(
      () =>
        teacher.network.apply(
          teacher.theta,
          teacherView(state.average, viewOf(context, config, number, { scale })),
          { statistics: teacher.statistics },
        ).logits,
    );
    const smoothing = smoothingLoss(logits, average, config.smoothingTemperature);
    return { loss: tf.add(loss, tf.mul(smoothing, config.smoothingWeight)), terms: { ...terms, smoothing } };
  };
  try {
    const result = recoverStep(context, state, config, number, { scale, viewLoss });
    if (result.state.batch === state.batch) {
      const next = { ...state.running, [k]: { ...running, ...updated } };
      // As published: the average is taken of the images before the update.
      const average = movingAverage(state.average, state.images, config.smoothingDecay);
      return { ...result, state: { ...result.state, running: next, average } };
    }
    tf.dispose(updated);
    return { ...result, state: { ...result.state, running: {}, average: tf.clone(result.state.images) } };
  } finally {
    disposeTeacher(teacher);
    tf.dispose([real, ofClasses]);
  }
}

/**
 * EDC: G-VBSM from real images, matching the statistics of the batch's own classes as much as those of all, with random crops, and
 * on request a term that flattens the loss around the images through their moving average.
 *
 * Differs: first images are random training images, not RDED's. Differs: as G-VBSM. Differs: class statistics are those of
 * "global" matching in the code, taken without augmentation.
 *
 * @see Shao et al., "Elucidating the Design Space of Dataset Condensation" (NeurIPS 2024), section 3, and shaoshitong/EDC,
 *   Branch_CIFAR_10/recover/recover.py.
 */
export const edc: DistillationMethod<typeof edcConfigSchema, EdcState> = {
  id: "edc",
  title: "EDC: elucidating dataset condensation",
  cite: `@inproceedings{shao2024edc,
  title     = {Elucidating the Design Space of Dataset Condensation},
  author    = {Shao, Shitong and Zhou, Zikai and Chen, Huanran and Shen, Zhiqiang},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2024}
}`,
  configSchema: edcConfigSchema,
  presets: edcPresets,
  steps: recoverSteps,
  forecast(context, config) {
    const networks = config.teachers.map(({ network }) => network);
    const forecast = recoverForecast(context, config, networks);
    // The average's scores cost another forward pass.
    const passes = config.smoothingWeight === 0 ? 1 : 4 / 3;
    return { ...forecast, multiplyAddsPerStep: forecast.multiplyAddsPerStep * passes };
  },
  prepare: (context, { teachers, statisticsImages, classImages }) =>
    teachers.flatMap((teacher, k) => {
      const own = { teacherPart: teacherName(k), teacher };
      return [
        ...teacherParts(context, teacherName(k), teacher),
        statisticsPart(context, { part: statisticsName(k), ...own, images: statisticsImages }),
        classStatisticsPart(context, { part: classesName(k), ...own, images: classImages }),
      ];
    }),
  init(context, config) {
    const recovery = initialRecovery(context, config);
    return { ...recovery, running: {}, average: tf.clone(recovery.images) };
  },
  step,
  result: recoverResult,
};
