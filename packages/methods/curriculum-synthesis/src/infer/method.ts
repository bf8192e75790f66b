import {
  adam,
  choice,
  DataError,
  foldIn,
  oneHotLabels,
  preparedTeacher,
  samplesAtOnce,
  scheduleFactor,
  softmaxCrossEntropy,
  teacherParts,
  type DistillationMethod,
  type OptimiserState,
  type RunContext,
  type StepResult,
  type SyntheticSet,
  numbersOf,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { disposeTeacher } from "../shared/dispose-teacher.ts";
import { momentsOf, statisticsLoss, valueOf } from "../shared/matching-loss.ts";
import { clampToPixels, requirePixels } from "../shared/pixel-range.ts";
import { ACTIVATION_COPIES } from "../shared/recover.ts";
import { teacherView } from "../shared/view.ts";
import { inferConfigSchema, type InferConfig } from "./config.ts";
import { inferPresets } from "./presets.ts";
import { baseRows } from "./rows.ts";

const optimiser = adam({ betas: [0.5, 0.9] });
/** Images that a teacher labels together. */
const LABEL_BATCH = 250;

/** Finished compensators, and the one at work. Rows come first: unit u is that of row ⌊u/M⌋ and teacher u mod M. */
export type InferState = {
  /** `[1, H, W, C]` each, by unit. */
  readonly finished: { readonly [unit: string]: tf.Tensor4D };
  readonly unit: number;
  /** `[1, H, W, C]`, added in normalised space. */
  readonly compensator: tf.Tensor4D;
  readonly optimiser: OptimiserState;
};

function partName(teacher: number): string {
  return `teacher/${teacher}`;
}

/** Positions of the real images of a class, one a row. */
function baseOf({ real, key, dataset }: RunContext, config: InferConfig, label: number): Int32Array {
  const rows = baseRows(config, dataset.classes.length);
  const members = real.ofClass(label);
  if (members.length >= rows) return choice(foldIn(foldIn(key, "base"), label), members, rows);
  throw new DataError(
    `${dataset.name}: class "${dataset.classes[label]}" has ${members.length} training images, wanted at least ${rows}; lower ipc`,
  );
}

/** Real images of a row, those of `labels`. */
function rowImages(
  context: RunContext,
  config: InferConfig,
  row: number,
  labels: readonly number[],
): tf.Tensor4D {
  return context.real.read(labels.map((label) => baseOf(context, config, label)[row]!));
}

function fresh({ dataset }: RunContext): Pick<InferState, "compensator" | "optimiser"> {
  const compensator = tf.zeros([1, ...dataset.shape]) as tf.Tensor4D;
  return { compensator, optimiser: optimiser.init(compensator) };
}

/** One update of the compensator at work. */
function step(
  context: RunContext,
  state: InferState,
  config: InferConfig,
  number: number,
): StepResult<InferState> {
  const { dataset } = context;
  const classes = dataset.classes.length;
  const { iterations, teachers } = config;
  const t = number % iterations;
  const which = state.unit % teachers.length;
  const row = Math.floor(state.unit / teachers.length);
  const blocks = Math.ceil(classes / config.batchSize);
  const first = (t % blocks) * config.batchSize;
  const labels = Array.from({ length: Math.min(config.batchSize, classes - first) }, (_, i) => first + i);
  const teacher = preparedTeacher(context, partName(which), teachers[which]!);
  const terms: Record<string, number> = {};
  let loss = Number.NaN;
  const next = tf.tidy(() => {
    const base = rowImages(context, config, row, labels);
    const rows = oneHotLabels(labels, classes);
    const lossAt = (compensator: tf.Tensor): tf.Scalar => {
      const view = teacherView(clampToPixels(tf.add(base, compensator), dataset), {
        key: foldIn(foldIn(context.key, "view"), number),
        scale: config.crop === "none" ? undefined : [config.crop.low, config.crop.high],
        flip: dataset.mirrorInvariant,
        shift: [config.shift === "both" ? -config.jitter : 0, config.jitter],
        each: false,
      });
      const { logits, normalisationInputs } = teacher.network.apply(teacher.theta, view, {
        statistics: teacher.statistics,
        normalisationInputs: true,
        differentiate: "images",
      });
      const crossEntropy = softmaxCrossEntropy(logits, rows);
      const distance = statisticsLoss(momentsOf(normalisationInputs!), teacher.statistics, config);
      Object.assign(terms, { crossEntropy: valueOf(crossEntropy), statistics: valueOf(distance) });
      return tf.add(crossEntropy, tf.mul(distance, config.statisticsWeight));
    };
    const { value, grad } = tf.valueAndGrad(lossAt)(state.compensator);
    loss = value.dataSync()[0]!;
    const rate = config.imageLearningRate * scheduleFactor({ kind: "cosine" }, t, iterations);
    const moved = optimiser.update(state.compensator, grad as tf.Tensor4D, state.optimiser, rate);
    return { compensator: moved.theta, optimiser: moved.state };
  }) as Pick<InferState, "compensator" | "optimiser">;
  disposeTeacher(teacher);
  const units = baseRows(config, classes) * teachers.length;
  const isDone = t === iterations - 1 && state.unit < units - 1;
  if (!isDone) return { state: { ...state, ...next }, loss, terms };
  tf.dispose(Object.values(next.optimiser).filter((value) => value instanceof tf.Tensor));
  const finished = { ...state.finished, [state.unit]: next.compensator };
  return { state: { finished, unit: state.unit + 1, ...fresh(context) }, loss, terms };
}

/** The set as it stands: of each class its real images, then each with every compensator; those not begun are zero. */
function result(
  context: RunContext,
  state: InferState,
  config: InferConfig,
): Omit<SyntheticSet, "provenance"> {
  const { classes, shape, normalisation } = context.dataset;
  const m = config.teachers.length;
  const rows = baseRows(config, classes.length);
  const perClass = rows * (m + 1);
  const size = perClass * classes.length;
  const length = shape[0] * shape[1] * shape[2];
  const images = new Float32Array(size * length);
  classes.forEach((_, label) => {
    const own = tf.tidy(() => {
      const base = context.real.read(baseOf(context, config, label));
      const parts: tf.Tensor4D[] = [base];
      for (let row = 0; row < rows; row++) {
        const real = tf.slice(base, [row, 0, 0, 0], [1, -1, -1, -1]);
        for (let k = 0; k < m; k++) {
          const unit = row * m + k;
          const compensator = unit === state.unit ? state.compensator : state.finished[unit];
          parts.push(
            compensator === undefined ? real : clampToPixels(tf.add(real, compensator), context.dataset),
          );
        }
      }
      return tf.concat(parts).dataSync<"float32">();
    });
    images.set(own, label * perClass * length);
  });
  const set = { images, size, shape, classes, normalisation, augmentation: "none" } as const;
  if (config.labels === "static") {
    const values = staticLabels(context, config, images, size);
    return { ...set, labels: { kind: "soft", values, space: "logits" } };
  }
  const hard = Int32Array.from({ length: size }, (_, i) => Math.floor(i / perClass));
  return { ...set, labels: { kind: "hard", values: hard } };
}

/** Mean of the teachers' scores on every image, row-major `[N, K]`. */
function staticLabels(
  context: RunContext,
  { teachers }: InferConfig,
  images: Float32Array,
  size: number,
): Float32Array {
  const { classes, shape } = context.dataset;
  const length = images.length / size;
  const values = new Float32Array(size * classes.length);
  teachers.forEach((config, k) => {
    const teacher = preparedTeacher(context, partName(k), config);
    const batch = Math.min(LABEL_BATCH, samplesAtOnce());
    for (let start = 0; start < size; start += batch) {
      const count = Math.min(batch, size - start);
      const scores = numbersOf(() => {
        const own = tf.tensor4d(images.slice(start * length, (start + count) * length), [count, ...shape]);
        return teacher.network.apply(teacher.theta, own, { statistics: teacher.statistics }).logits;
      });
      const offset = start * classes.length;
      scores.forEach((score, i) => (values[offset + i] = values[offset + i]! + score / teachers.length));
    }
    disposeTeacher(teacher);
  });
  return values;
}

/**
 * INFER: real images, and copies of them with a Universal Feature Compensator added: one picture for all classes, learned so that a
 * row with one image of every class has the batch statistics of a teacher's training.
 *
 *     u_{j,k} ← u_{j,k} − Adam(∇_u CE(T_k(A(clamp(P_j + u))), y) + α·R(T_k)),   u = 0 at first,   j: rows, k: teachers
 *
 * Each row of real images has one compensator for each of M teachers, so a class gets n real and n·M compensated images. Labels are
 * the mean of all teachers' scores, computed once; a student mixes them as it mixes images.
 *
 * Differs: the teacher sees the clamped sum, which is what is kept; the published code clamps after the update, and keeps the sum
 * of before the last one. Differs: with more classes than `batchSize`, blocks of classes take turns, so that memory does not
 * grow with the classes. Differs: all layers of all teachers count; the published code leaves one out.
 *
 * @see Zhang et al., "Breaking Class Barriers: Efficient Dataset Distillation via Inter-Class Feature Compensator" (ICLR 2025),
 *   section 3, and zhangxin-xd/UFC, ufc_generation/ufc_cifar.py.
 */
export const infer: DistillationMethod<typeof inferConfigSchema, InferState> = {
  id: "infer",
  title: "INFER: inter-class feature compensator",
  cite: `@inproceedings{zhang2025infer,
  title     = {Breaking Class Barriers: Efficient Dataset Distillation via Inter-Class Feature Compensator},
  author    = {Zhang, Xin and Du, Jiawei and Liu, Ping and Zhou, Joey Tianyi},
  booktitle = {International Conference on Learning Representations},
  year      = {2025}
}`,
  configSchema: inferConfigSchema,
  presets: inferPresets,
  steps: (config, { classes }) =>
    config.iterations * baseRows(config, classes.length) * config.teachers.length,

  forecast(context, config) {
    const { classes, shape, normalisation } = context.dataset;
    requirePixels(normalisation);
    const rows = baseRows(config, classes.length);
    classes.forEach((_, label) => baseOf(context, config, label));
    const networks = config.teachers.map(({ network }) => context.network(network));
    const batch = Math.min(config.batchSize, classes.length);
    const pixels = shape[0] * shape[1] * shape[2];
    const stored = classes.length * rows * (networks.length + 1);
    const largest = (of: (network: (typeof networks)[number]) => number) => Math.max(...networks.map(of));
    return {
      multiplyAddsPerStep: 3 * batch * largest(({ multiplyAdds }) => multiplyAdds),
      peakBytes:
        4 *
        (Math.max(ACTIVATION_COPIES * batch, LABEL_BATCH) *
          largest(({ activationFloats }) => activationFloats) +
          largest(({ parameterCount }) => parameterCount) +
          (rows * networks.length + stored) * pixels),
      setBytes: 4 * stored * (pixels + (config.labels === "static" ? classes.length : 1)),
    };
  },

  prepare: (context, { teachers }) =>
    teachers.flatMap((teacher, k) => teacherParts(context, partName(k), teacher)),
  init: (context) => ({ finished: {}, unit: 0, ...fresh(context) }),
  step,
  result,
};
