import { setImmediate } from "node:timers/promises";
import {
  batchAugmentation,
  batchesPerEpoch,
  centreScores,
  ConfigError,
  encodeLabelRecords,
  hardLabels,
  hashImages,
  labelBytes,
  memoryBytes,
  parseCodec,
  plannedViews,
  setImages,
  setLabels,
  viewPlan,
  viewRange,
  type LabelCodec,
  type Recipe,
  type StoredBatches,
  type SyntheticLabels,
  type SyntheticSet,
  type ViewPlan,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { labelFormSchema, type LabelForm, type LabelFormInput } from "./label-form.ts";
import { teacherFor, type Teacher } from "./teacher.ts";
import { withLabels } from "./with-labels.ts";

export interface RelabelOptions {
  readonly teacher: Teacher;
  readonly form: LabelFormInput;
  /** How students will be trained: its batches, epochs, augmentation and mixing are those of the views. */
  readonly recipe: Recipe;
  /** Decides the views. Default 0. */
  readonly seed?: number;
  /** Convert images to the teacher's normalisation. Default false. */
  readonly renormalise?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops between two batches; the promise then rejects with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * The same images with labels of a teacher, in one of the forms of {@link labelFormSchema}. Only what is kept is computed. Scores are stored
 * less their mean over the classes, which no soft-max sees.
 *
 * Order, batches, crops, flips and mixing follow from the seed, so none of them is stored; where published stores keep 25 to 60 bytes of
 * them for every view, this is the seed in the header.
 *
 * @throws {ConfigError} if teacher and set have different classes or normalisation, or the form is not one.
 * @see Shen and Xing, "A Fast Knowledge Distillation Framework for Visual Recognition" (ECCV 2022); Yin, Xing and Shen,
 * "Squeeze, Recover and Relabel" (NeurIPS 2023); Xiao and He, "Are Large-scale Soft Labels Necessary for Large-scale Dataset
 * Distillation?" (NeurIPS 2024).
 */
export async function relabel(set: SyntheticSet, options: RelabelOptions): Promise<SyntheticSet> {
  const form = parseForm(options.form);
  const teacher = teacherFor(set, options.teacher, options.renormalise);
  const labels = await labelsOf(set, teacher, form, options);
  return withLabels(set, labels, { form, teacher: teacher.sha256, seed: options.seed ?? 0 });
}

function parseForm(input: LabelFormInput): LabelForm {
  const parsed = labelFormSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ConfigError(`label form: ${issue!.path.join(".") || "kind"}: ${issue!.message}`);
}

async function labelsOf(
  set: SyntheticSet,
  teacher: Teacher,
  form: LabelForm,
  options: RelabelOptions,
): Promise<SyntheticLabels> {
  const values = hardLabels(set);
  const classes = set.classes.length;
  const owner = { images: hashImages(set), teacher: teacher.sha256, classes };
  if (form.kind === "online") {
    const header = { ...owner, model: { kind: "teacher" } };
    return { kind: "projector", values, projector: { header, records: memoryBytes(new Uint8Array()) } };
  }
  const codec = parseCodec(form.codec);
  labelBytes(codec, classes);
  if (form.kind === "static") {
    const images = setImages(set);
    const [size] = images.shape;
    try {
      const records = await staticRecords(images, teacher, codec, options);
      const header = { ...owner, codec, views: { kind: "static", size } as const };
      return { kind: "views", values, views: { header, records: memoryBytes(records) } };
    } finally {
      images.dispose();
    }
  }
  const plan = viewPlan(options.recipe, set.size * (set.factor ?? 1) ** 2, options.seed ?? 0);
  const stored = storedBatches(form, plan);
  const records = await viewRecords(set, teacher, codec, plan, stored, options);
  const header = { ...owner, codec, views: { kind: "augmented", plan, stored } as const };
  return { kind: "views", values, views: { header, records: memoryBytes(records) } };
}

/** The batches that a share keeps: the first ones, at least one of what is drawn. */
function storedBatches({ keep, draw }: Extract<LabelForm, { kind: "views" }>, plan: ViewPlan): StoredBatches {
  const perEpoch = batchesPerEpoch(plan);
  const total = plan.epochs * perEpoch;
  if (keep === 1) return { count: total, draw: "order" };
  if (draw === "epochs") return { count: Math.max(1, Math.floor(keep * plan.epochs)) * perEpoch, draw };
  return { count: Math.max(1, Math.floor(keep * total)), draw };
}

async function viewRecords(
  set: SyntheticSet,
  teacher: Teacher,
  codec: LabelCodec,
  plan: ViewPlan,
  stored: StoredBatches,
  { onProgress, signal }: RelabelOptions,
): Promise<Uint8Array> {
  const classes = set.classes.length;
  const size = labelBytes(codec, classes);
  const records = new Uint8Array(viewRange(plan, stored.count).first * size);
  const [images, labels] = [setImages(set), setLabels(set)];
  const augment = batchAugmentation(plan);
  const viewOf = plannedViews(plan);
  try {
    for (let number = 0; number < stored.count; number++) {
      signal?.throwIfAborted();
      const { chosen, key } = viewOf(number);
      const scores = tf.tidy(() => {
        const rows = chosen === undefined ? undefined : tf.tensor1d(chosen.slice(), "int32");
        const batch = rows === undefined ? images : tf.gather(images, rows);
        const own = rows === undefined ? labels : tf.gather(labels, rows);
        return teacher.scores(augment({ images: batch, labels: own }, key).images);
      });
      records.set(await encoded(scores, codec, classes), viewRange(plan, number).first * size);
      onProgress?.(number + 1, stored.count);
      await setImmediate();
    }
  } finally {
    tf.dispose([images, labels]);
  }
  return records;
}

/** Images scored at once where they are not augmented. */
const STATIC_BATCH = 64;

async function staticRecords(
  images: tf.Tensor4D,
  teacher: Teacher,
  codec: LabelCodec,
  { onProgress, signal }: RelabelOptions,
): Promise<Uint8Array> {
  const [count] = images.shape;
  const classes = teacher.classes.length;
  const size = labelBytes(codec, classes);
  const records = new Uint8Array(count * size);
  for (let start = 0; start < count; start += STATIC_BATCH) {
    signal?.throwIfAborted();
    const length = Math.min(STATIC_BATCH, count - start);
    const scores = tf.tidy(() => teacher.scores(tf.slice(images, [start, 0, 0, 0], [length, -1, -1, -1])));
    records.set(await encoded(scores, codec, classes), start * size);
    onProgress?.(start + length, count);
    await setImmediate();
  }
  return records;
}

/** The scores as records; they are disposed of. */
async function encoded(scores: tf.Tensor2D, codec: LabelCodec, classes: number): Promise<Uint8Array> {
  const values = Float32Array.from(await scores.data());
  scores.dispose();
  return encodeLabelRecords(codec, centreScores(values, classes), classes);
}
