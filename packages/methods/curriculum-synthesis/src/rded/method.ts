import {
  choice,
  DataError,
  drawCropBoxes,
  foldIn,
  preparedTeacher,
  resizedCrop,
  samplesAtOnce,
  teacherParts,
  type DistillationMethod,
  type RunContext,
  type StepResult,
  type SyntheticSet,
  type Teacher,
  numbersOf,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { disposeTeacher } from "../shared/dispose-teacher.ts";
import { requirePixels } from "../shared/pixel-range.ts";
import { bestOfImages, crossEntropies, lowest } from "./best-crops.ts";
import { rdedConfigSchema, type RdedConfig } from "./config.ts";
import { checkMosaic, mosaic, surrounded } from "./mosaic.ts";
import { rdedPresets } from "./presets.ts";

const TEACHER = "teacher";

/** The best crops so far: all that a later round needs. */
export type RdedState = {
  /** `[K·m, H/f, W/f, C]`, m = ipc·f², class by class, lowest loss first. */
  readonly crops: tf.Tensor4D;
  /** Cross-entropy of each, `[K·m]`. */
  readonly losses: tf.Tensor1D;
};

/** Crops of a class that its images are made of. */
function kept({ ipc, factor }: RdedConfig): number {
  return ipc * factor * factor;
}

/** Candidates of a class in their random order. @throws {DataError} if there are too few for its images. */
function candidatesOf({ dataset, real, key }: RunContext, config: RdedConfig, label: number): Int32Array {
  const members = real.ofClass(label);
  const count = Math.min(config.candidates, members.length);
  if (count < kept(config)) {
    const short = members.length < config.candidates ? "training images" : "candidates";
    throw new DataError(
      `${dataset.name}: class "${dataset.classes[label]}" has ${count} ${short}, wanted at least ipc · factor² = ${kept(config)}; lower ipc or factor, or raise candidates`,
    );
  }
  return choice(foldIn(foldIn(key, "candidates"), label), members, count);
}

interface Scored {
  readonly crops: tf.Tensor4D;
  readonly losses: Float32Array;
}

/** Random crops of some images of a class, each with its loss; the best of each image. */
function scoreImages(
  { dataset, real, key }: RunContext,
  config: RdedConfig,
  teacher: Teacher,
  label: number,
  positions: Int32Array,
): Scored {
  const { crops: perImage, crop, factor, batchSize } = config;
  const [height, width] = dataset.shape;
  const group = Math.max(1, Math.floor(Math.min(batchSize, samplesAtOnce()) / perImage));
  const parts: tf.Tensor4D[] = [];
  const losses: number[] = [];
  for (let start = 0; start < positions.length; start += group) {
    const own = positions.subarray(start, start + group);
    const part = tf.tidy(() => {
      const images = real.read(own);
      const repeated = Array.from(own).flatMap((position, i) =>
        Array.from({ length: perImage }, () => ({ position, i })),
      );
      // An image's crops follow from its position: no round depends on another.
      const boxes = Array.from(own).flatMap((position) =>
        drawCropBoxes(foldIn(foldIn(key, "crops"), position), perImage, height, width, {
          scale: [crop.low, crop.high],
          ratio: [1, 1],
          flip: 0,
        }),
      );
      const rows = tf.gather(
        images,
        tf.tensor1d(
          repeated.map(({ i }) => i),
          "int32",
        ),
      );
      const drawn = resizedCrop(rows, boxes, [height / factor, width / factor]);
      const { logits } = teacher.network.apply(teacher.theta, surrounded(drawn, dataset.shape), {
        statistics: teacher.statistics,
      });
      const scores = crossEntropies(logits.dataSync(), label, dataset.classes.length);
      const best = bestOfImages(scores, perImage);
      losses.push(...best.map(({ loss }) => loss));
      return tf.gather(
        drawn,
        tf.tensor1d(
          best.map(({ index }) => index),
          "int32",
        ),
      );
    });
    parts.push(part);
  }
  const crops = tf.concat(parts);
  tf.dispose(parts);
  return { crops, losses: Float32Array.from(losses) };
}

/** The best of some lists of crops, `count` of them. */
function best(lists: readonly Scored[], count: number): Scored {
  const all = lists.flatMap(({ losses }) => Array.from(losses)).map((loss, index) => ({ index, loss }));
  const chosen = lowest(all, count);
  const rows = tf.tidy(() =>
    tf.gather(
      tf.concat(lists.map(({ crops }) => crops)),
      tf.tensor1d(
        chosen.map(({ index }) => index),
        "int32",
      ),
    ),
  );
  return { crops: rows, losses: Float32Array.from(chosen, ({ loss }) => loss) };
}

function joined(classes: readonly Scored[]): RdedState {
  const crops = tf.concat(classes.map((own) => own.crops));
  tf.dispose(classes.map((own) => own.crops));
  return { crops, losses: tf.tensor1d(classes.flatMap(({ losses }) => Array.from(losses))) };
}

/** Every class by `f`, under the teacher. */
function withTeacher<T>(context: RunContext, config: RdedConfig, f: (teacher: Teacher) => T): T {
  const teacher = preparedTeacher(context, TEACHER, config.teacher);
  try {
    return f(teacher);
  } finally {
    disposeTeacher(teacher);
  }
}

/** Scores the first candidates, as many as the images need. */
function init(context: RunContext, config: RdedConfig): RdedState {
  return withTeacher(context, config, (teacher) =>
    joined(
      context.dataset.classes.map((_, label) => {
        const first = candidatesOf(context, config, label).subarray(0, kept(config));
        const scored = scoreImages(context, config, teacher, label, first);
        const sorted = best([scored], kept(config));
        scored.crops.dispose();
        return sorted;
      }),
    ),
  );
}

/** Scores the next share of every class's candidates. */
function step(
  context: RunContext,
  state: RdedState,
  config: RdedConfig,
  round: number,
): StepResult<RdedState> {
  const count = kept(config);
  const next = withTeacher(context, config, (teacher) =>
    joined(
      context.dataset.classes.map((_, label) => {
        const rest = candidatesOf(context, config, label).subarray(count);
        const share = (at: number) => Math.floor((rest.length * at) / config.iterations);
        const own = rest.subarray(share(round), share(round + 1));
        const present = {
          crops: tf.slice(state.crops, [label * count, 0, 0, 0], [count, -1, -1, -1]),
          losses: state.losses.dataSync<"float32">().slice(label * count, (label + 1) * count),
        };
        if (own.length === 0) return present;
        const scored = scoreImages(context, config, teacher, label, own);
        const chosen = best([present, scored], count);
        tf.dispose([present.crops, scored.crops]);
        return chosen;
      }),
    ),
  );
  const loss = tf.tidy(() => tf.mean(next.losses).dataSync()[0]!);
  return { state: next, loss, terms: { crossEntropy: loss } };
}

function result(
  { dataset }: RunContext,
  { crops }: RdedState,
  { ipc, factor }: RdedConfig,
): Omit<SyntheticSet, "provenance"> {
  const { classes, shape, normalisation } = dataset;
  const size = classes.length * ipc;
  return {
    images: numbersOf(() => mosaic(crops, factor)),
    size,
    shape,
    classes,
    labels: { kind: "hard", values: Int32Array.from({ length: size }, (_, i) => Math.floor(i / ipc)) },
    normalisation,
    augmentation: "none",
  };
}

/**
 * RDED: images without optimisation. Of many random crops of real images, those that a teacher finds easiest, one an image, are
 * put side by side.
 *
 *     s = min_j CE(T(crop_j(x)), c) for each of the candidates x of class c;   the ipc·f² lowest s of a class, f × f to an image
 *
 * Candidates are scored in rounds, and only the best crops so far are kept: memory does not grow with the candidates, and the set
 * after any round is that of the candidates up to there.
 *
 * Differs: crops are given at the size of their cell in 32-bit; the published code writes JPEG. Differs: crops of a mosaic are
 * in the order of their losses, the best together; the published order is the same up to ties.
 *
 * @see Sun et al., "On the Diversity and Realism of Distilled Dataset: An Efficient Dataset Distillation Paradigm" (CVPR 2024),
 *   algorithm 1, and LINs-lab/RDED, synthesize/main.py.
 */
export const rded: DistillationMethod<typeof rdedConfigSchema, RdedState> = {
  id: "rded",
  title: "RDED: realistic, diverse and efficient dataset distillation",
  cite: `@inproceedings{sun2024rded,
  title     = {On the Diversity and Realism of Distilled Dataset: An Efficient Dataset Distillation Paradigm},
  author    = {Sun, Peng and Shi, Bei and Yu, Daiwei and Lin, Tao},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  year      = {2024}
}`,
  configSchema: rdedConfigSchema,
  presets: rdedPresets,
  steps: ({ iterations }) => iterations,

  forecast(context, config) {
    const { classes, shape, normalisation } = context.dataset;
    requirePixels(normalisation);
    checkMosaic(config.factor, shape);
    classes.forEach((_, label) => candidatesOf(context, config, label));
    const network = context.network(config.teacher.network);
    const [height, width, channels] = shape;
    const stored = classes.length * config.ipc;
    const pixels = height * width * channels;
    const crops = (classes.length * config.candidates * config.crops) / config.iterations;
    const together = Math.max(config.crops, Math.min(config.batchSize, samplesAtOnce()));
    return {
      multiplyAddsPerStep: network.multiplyAdds * crops,
      peakBytes:
        4 * (network.activationFloats * together + network.parameterCount + 3 * (stored + together) * pixels),
      setBytes: 4 * stored * (pixels + 1),
    };
  },

  prepare: (context, { teacher }) => teacherParts(context, TEACHER, teacher),
  init,
  step,
  result,
};
