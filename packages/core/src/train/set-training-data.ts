import * as tf from "@tensorflow/tfjs-core";
import { ConfigError } from "../errors.ts";
import { decodeLabelRecords, labelBytes } from "../synthetic/label-codec.ts";
import { decodedRows } from "../synthetic/multi-formation.ts";
import { setImages, setLabels } from "../synthetic/set-tensors.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { viewRange, type StoredViews } from "../synthetic/view-labels.ts";
import { validateSyntheticSet } from "../synthetic/validate-set.ts";
import type { TrainingData, ViewScores } from "./batch-source.ts";

/** Class scores of any images: a teacher, or a projector on its encoder. */
export interface ScoreModel {
  /**
   * @param images `[B, H, W, C]`, with the set's normalisation.
   * @returns `[B, K]`. Called inside `tf.tidy`; not differentiated.
   */
  scores(images: tf.Tensor4D): tf.Tensor2D;
}

/** What a network is trained on, and how to free it. */
export interface SetTrainingData {
  readonly data: Extract<TrainingData, { readonly labels: tf.Tensor2D }>;
  dispose(): void;
}

/**
 * Images and labels of a set of any label kind, decoded, for `trainNetwork`.
 *
 * @param model Scores every view as it comes, whatever labels the set has: an online teacher. Labels of kind `projector` need
 *   theirs.
 * @throws {ConfigError} if the labels need a model and there is none.
 * @throws {DataError} if the labels belong to another image set or are not whole.
 */
export function setTrainingData(set: SyntheticSet, model?: ScoreModel): SetTrainingData {
  validateSyntheticSet(set);
  const { labels } = set;
  if (labels.kind === "projector" && model === undefined) {
    throw new ConfigError(
      `labels of ${set.provenance.method}: they come from a model, a teacher or a projector's encoder, which is not there; give it (limbeck evaluate --teacher FILE)`,
    );
  }
  const images = setImages(set);
  const rows = setLabels(set);
  const scores =
    model !== undefined
      ? { of: (_: number, batch: tf.Tensor4D) => centred(model.scores(batch)) }
      : labels.kind === "views"
        ? storedScores(labels.views)
        : labels.kind === "soft" && labels.space === "logits"
          ? softScores(labels.values, set)
          : undefined;
  return {
    data: { images, labels: rows, ...(scores === undefined ? {} : { scores }) },
    dispose() {
      tf.dispose([images, rows]);
      if (scores instanceof tf.Tensor) scores.dispose();
    },
  };
}

/** Soft labels that are scores, one for each decoded image: mixed as scores, softened at the recipe's temperature. */
function softScores(
  values: Float32Array,
  { size, classes, factor = 1 }: Pick<SyntheticSet, "size" | "classes" | "factor">,
): tf.Tensor2D {
  return tf.tidy(() => {
    const rows = tf.tensor2d(values.slice(), [size, classes.length]);
    return factor === 1 ? rows : decodedRows(rows, factor);
  });
}

/** Scores less their mean over the classes, as stored ones are. */
function centred(scores: tf.Tensor2D): tf.Tensor2D {
  return tf.sub(scores, tf.mean(scores, 1, true));
}

function storedScores({ header, records }: StoredViews): tf.Tensor2D | ViewScores {
  const { views, codec, classes } = header;
  const read = (first: number, count: number): tf.Tensor2D => {
    const size = labelBytes(codec, classes);
    const bytes = records.read(first * size, count * size);
    return tf.tensor2d(decodeLabelRecords(codec, bytes, classes), [count, classes]);
  };
  if (views.kind === "static") return read(0, views.size);
  const { plan, stored } = views;
  return {
    plan,
    stored,
    of(number) {
      const { first, count } = viewRange(plan, number);
      return read(first, count);
    },
  };
}
