import * as tf from "@tensorflow/tfjs-core";
import { DataError, ShapeError } from "../errors.ts";
import type { RealImages } from "../method/method.ts";
import type { Network } from "../nn/network.ts";
import { oneHotLabels } from "../synthetic/set-tensors.ts";
import type { StoredBatches, ViewPlan } from "../synthetic/view-labels.ts";
import type { Batch } from "./augment-batch.ts";

/** Images to train on: all in memory with their label rows, or read batch by batch with their classes. */
export type TrainingData =
  | {
      /** `[N, H, W, C]`, normalised. */
      readonly images: tf.Tensor4D;
      /** Probabilities `[N, K]`. */
      readonly labels: tf.Tensor2D;
      /** A teacher's scores of the images `[N, K]`, or of every view as it comes; the loss then takes them for labels. */
      readonly scores?: tf.Tensor2D | ViewScores;
    }
  | {
      readonly images: RealImages;
      /** Class of every image of the training split. */
      readonly labels: Int32Array;
      /** Which of them to train on; default all. */
      readonly positions?: Int32Array;
    };

/** Scores of augmented and mixed batches, from a store or from a model. */
export interface ViewScores {
  /** The views that have scores, where not any has. */
  readonly plan?: ViewPlan;
  readonly stored?: StoredBatches;
  /**
   * Scores `[B, K]` of one batch. Called inside `tf.tidy`; not differentiated.
   *
   * @param number The batch's, within the plan.
   * @param images `[B, H, W, C]`, augmented and mixed, normalised.
   */
  of(number: number, images: tf.Tensor4D): tf.Tensor2D;
}

/** Batches by number, whatever holds the images. */
export interface BatchSource {
  /** Number of images. */
  readonly size: number;
  /** The images numbered `chosen` (0 … size − 1), or all. Call it inside `tf.tidy`. */
  batch(chosen: Int32Array | undefined): Batch;
  /** Scores of views, to be asked for once a batch is augmented. */
  readonly views?: ViewScores;
}

/**
 * @throws {ShapeError} if images, labels and network do not fit.
 * @throws {DataError} if there is no image.
 */
export function batchSource(data: TrainingData, network: Network): BatchSource {
  const source = isInMemory(data) ? memorySource(data, network) : streamSource(data, network);
  if (source.size === 0) throw new DataError(`training ${network.name}: wanted at least one image, got none`);
  return source;
}

type InMemory = Extract<TrainingData, { labels: tf.Tensor2D }>;
type Streamed = Exclude<TrainingData, InMemory>;

function isInMemory(data: TrainingData): data is InMemory {
  return data.images instanceof tf.Tensor;
}

function memorySource({ images, labels, scores }: InMemory, network: Network): BatchSource {
  const size = images.shape[0];
  if (labels.shape[0] !== size || labels.shape[1] !== network.classes) {
    throw new ShapeError(
      `training ${network.name}: labels must have shape [${size},${network.classes}] for ${size} images, got [${labels.shape}]`,
    );
  }
  const rowScores = scores instanceof tf.Tensor ? scores : undefined;
  if (rowScores !== undefined && String(rowScores.shape) !== String(labels.shape)) {
    throw new ShapeError(
      `training ${network.name}: scores must have shape [${labels.shape}], got [${rowScores.shape}]`,
    );
  }
  const views = scores instanceof tf.Tensor ? undefined : scores;
  if (views?.plan !== undefined && views.plan.size !== size) {
    throw new ShapeError(
      `training ${network.name}: the views are of ${views.plan.size} images, got ${size} images`,
    );
  }
  return {
    size,
    batch(chosen) {
      const all = { images, labels, ...(rowScores === undefined ? {} : { scores: rowScores }) };
      if (chosen === undefined) return all;
      // A copy: the positions may be part of a larger array.
      const rows = tf.tensor1d(chosen.slice(), "int32");
      return {
        images: tf.gather(images, rows),
        labels: tf.gather(labels, rows),
        ...(rowScores === undefined ? {} : { scores: tf.gather(rowScores, rows) }),
      };
    },
    ...(views === undefined ? {} : { views }),
  };
}

function streamSource({ images, labels, positions }: Streamed, network: Network): BatchSource {
  const all = positions ?? Int32Array.from({ length: labels.length }, (_, i) => i);
  return {
    size: all.length,
    batch(chosen) {
      const wanted = chosen === undefined ? all : chosen.map((i) => all[i]!);
      const classes = wanted.map((position) => labels[position]!);
      return { images: images.read(wanted), labels: oneHotLabels(classes, network.classes) };
    },
  };
}
