import {
  preparedTeacher,
  teacherParts,
  type DistillationMethod,
  type RunContext,
  type StepResult,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { batchPlaces } from "../shared/batches.ts";
import { disposeTeacher } from "../shared/dispose-teacher.ts";
import {
  initialRecovery,
  labelsOf,
  recoverForecast,
  recoverResult,
  recoverStep,
  recoverSteps,
  type RecoverState,
} from "../shared/recover.ts";
import { gvbsmConfigSchema, type GvbsmConfig } from "./config.ts";
import { statisticsPart } from "./convolution-statistics.ts";
import { generalisedLoss, type NamedVectors } from "./generalised-loss.ts";
import { gvbsmPresets } from "./presets.ts";

/** What G-VBSM keeps between two steps besides the images. */
export type GvbsmState = RecoverState & {
  /** Running statistics of the batch at work, by teacher and name of the statistic. */
  readonly running: { readonly [teacher: string]: { readonly [name: string]: tf.Tensor1D } };
};

const teacherName = (k: number): string => `teacher/${k}`;
const statisticsName = (k: number): string => `statistics/${k}`;

/** One update under one teacher: they take turns. */
function step(
  context: RunContext,
  state: GvbsmState,
  config: GvbsmConfig,
  number: number,
): StepResult<GvbsmState> {
  const k = number % config.teachers.length;
  const teacher = preparedTeacher(context, teacherName(k), config.teachers[k]!);
  const arrays = context.prepared!(statisticsName(k));
  const real: NamedVectors = Object.fromEntries(
    Object.entries(arrays).map(([name, { data }]) => [name, tf.tensor1d(data as Float32Array)]),
  );
  const running = state.running[k] ?? {};
  const updated: Record<string, tf.Tensor1D> = {};
  const labels = labelsOf(batchPlaces(state.batch, context.dataset.classes.length, config));
  try {
    const result = recoverStep(context, state, config, number, {
      scale: () => undefined,
      ...(config.pad === 0 ? {} : { pad: config.pad }),
      viewLoss: generalisedLoss({ teacher, real, running, config, labels, updated }),
    });
    if (result.state.batch === state.batch) {
      const next = { ...state.running, [k]: { ...running, ...updated } };
      return { ...result, state: { ...result.state, running: next } };
    }
    tf.dispose(updated);
    return { ...result, state: { ...result.state, running: {} } };
  } finally {
    disposeTeacher(teacher);
    tf.dispose(real);
  }
}

/**
 * G-VBSM: SRe2L with several teachers that take turns, statistics of convolutions beside those of batch normalisation, and a term
 * that spreads the images of a class.
 *
 * Differs: running statistics begin anew with each batch, so that batches do not depend on each other, and with its first
 * statistics instead of zero. Differs: convolutions' statistics of real images are taken without augmentation.
 *
 * @see Shao et al., "Generalized Large-Scale Data Condensation via Various Backbone and Statistical Matching" (CVPR 2024),
 *   section 3, and shaoshitong/G_VBSM_Dataset_Condensation, recover.
 */
export const gvbsm: DistillationMethod<typeof gvbsmConfigSchema, GvbsmState> = {
  id: "gvbsm",
  title: "G-VBSM: generalized various backbone and statistical matching",
  cite: `@inproceedings{shao2024gvbsm,
  title     = {Generalized Large-Scale Data Condensation via Various Backbone and Statistical Matching},
  author    = {Shao, Shitong and Yin, Zeyuan and Zhou, Muxin and Zhang, Xindong and Shen, Zhiqiang},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  year      = {2024}
}`,
  configSchema: gvbsmConfigSchema,
  presets: gvbsmPresets,
  steps: recoverSteps,
  forecast: (context, config) =>
    recoverForecast(
      context,
      config,
      config.teachers.map(({ network }) => network),
    ),
  prepare: (context, { teachers, statisticsImages: images }) =>
    teachers.flatMap((teacher, k) => [
      ...teacherParts(context, teacherName(k), teacher),
      statisticsPart(context, { part: statisticsName(k), teacherPart: teacherName(k), teacher, images }),
    ]),
  init: (context, config) => ({ ...initialRecovery(context, config), running: {} }),
  step,
  result: recoverResult,
};
