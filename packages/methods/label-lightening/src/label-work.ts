import { setImmediate } from "node:timers/promises";
import {
  batchAugmentation,
  batchesPerEpoch,
  centreScores,
  encodeLabelRecords,
  hashImages,
  labelBytes,
  parseCodec,
  plannedViews,
  setImages,
  setLabels,
  viewPlan,
  viewRange,
  type Recipe,
  type StoredBatches,
  type SyntheticSet,
  type ViewPlan,
  type ViewsHeader,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import type { LabelForm } from "./label-form.ts";
import type { Teacher } from "./teacher.ts";

/** The forms of labels that are computed beforehand. */
export type StoredForm = Exclude<LabelForm, { kind: "online" }>;

/** Labels that are to be computed: what they will be, and the images to score, block by block. */
export interface LabelWork {
  readonly header: ViewsHeader;
  openBlocks(): ScoreBlocks;
}

/** Images that are scored together, in the order of their labels. */
interface ScoreBlocks {
  readonly count: number;
  /** First label of a block and how many it has. */
  range(number: number): { readonly first: number; readonly count: number };
  /** Class scores, (labels of the block, classes). */
  scores(number: number): tf.Tensor2D;
  dispose(): void;
}

export interface LabelWorkOptions {
  readonly recipe: Recipe;
  readonly seed: number;
}

/** What it takes to label a set in one form. @throws {ConfigError} if the codec is not one for so many classes. */
export function labelWork(
  set: SyntheticSet,
  teacher: Teacher,
  form: StoredForm,
  { recipe, seed }: LabelWorkOptions,
): LabelWork {
  const classes = set.classes.length;
  const codec = parseCodec(form.codec);
  labelBytes(codec, classes);
  const owner = { images: hashImages(set), teacher: teacher.sha256, classes, codec };
  const size = set.size * (set.factor ?? 1) ** 2;
  if (form.kind === "static") {
    const header = { ...owner, views: { kind: "static", size } as const };
    return { header, openBlocks: () => imageBlocks(set, teacher, size) };
  }
  const plan = viewPlan(recipe, size, seed);
  const stored = storedBatches(form, plan);
  const header = { ...owner, views: { kind: "augmented", plan, stored } as const };
  return { header, openBlocks: () => viewBlocks(set, teacher, plan, stored) };
}

/** The batches that a share keeps: the first ones, at least one of what is drawn. */
function storedBatches({ keep, draw }: Extract<LabelForm, { kind: "views" }>, plan: ViewPlan): StoredBatches {
  const perEpoch = batchesPerEpoch(plan);
  const total = plan.epochs * perEpoch;
  if (keep === 1) return { count: total, draw: "order" };
  if (draw === "epochs") return { count: Math.max(1, Math.floor(keep * plan.epochs)) * perEpoch, draw };
  return { count: Math.max(1, Math.floor(keep * total)), draw };
}

/** One block a view batch. */
function viewBlocks(set: SyntheticSet, teacher: Teacher, plan: ViewPlan, stored: StoredBatches): ScoreBlocks {
  const [images, labels] = [setImages(set), setLabels(set)];
  const augment = batchAugmentation(plan);
  const viewOf = plannedViews(plan);
  return {
    count: stored.count,
    range: (number) => viewRange(plan, number),
    scores: (number) =>
      tf.tidy(() => {
        const { chosen, key } = viewOf(number);
        const rows = chosen === undefined ? undefined : tf.tensor1d(chosen.slice(), "int32");
        const batch = rows === undefined ? images : tf.gather(images, rows);
        const own = rows === undefined ? labels : tf.gather(labels, rows);
        return teacher.scores(augment({ images: batch, labels: own }, key).images);
      }),
    dispose: () => tf.dispose([images, labels]),
  };
}

/** Images scored at once where they are not augmented. */
const STATIC_BATCH = 64;

function imageBlocks(set: SyntheticSet, teacher: Teacher, size: number): ScoreBlocks {
  const images = setImages(set);
  const range = (number: number): { readonly first: number; readonly count: number } => {
    const first = number * STATIC_BATCH;
    return { first, count: Math.min(STATIC_BATCH, size - first) };
  };
  return {
    count: Math.ceil(size / STATIC_BATCH),
    range,
    scores: (number) =>
      tf.tidy(() => {
        const { first, count } = range(number);
        return teacher.scores(tf.slice(images, [first, 0, 0, 0], [count, -1, -1, -1]));
      }),
    dispose: () => images.dispose(),
  };
}

export interface EncodeOptions {
  /** Bytes of records that are there already; blocks that end within are left out. Default 0. */
  readonly found?: number;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Computes the records of one block after the other, with their place in bytes. */
export async function* encodedBlocks(
  { header, openBlocks }: LabelWork,
  { found = 0, onProgress, signal }: EncodeOptions,
): AsyncGenerator<{ readonly offset: number; readonly records: Uint8Array }> {
  const { codec, classes } = header;
  const bytes = labelBytes(codec, classes);
  const blocks = openBlocks();
  try {
    for (let number = 0; number < blocks.count; number++) {
      const { first, count } = blocks.range(number);
      if ((first + count) * bytes > found) {
        signal?.throwIfAborted();
        const scores = blocks.scores(number);
        const values = Float32Array.from(await scores.data());
        scores.dispose();
        yield {
          offset: first * bytes,
          records: encodeLabelRecords(codec, centreScores(values, classes), classes),
        };
        await setImmediate();
      }
      onProgress?.(number + 1, blocks.count);
    }
  } finally {
    blocks.dispose();
  }
}
