import * as tf from "@tensorflow/tfjs-core";
import { DataError, ShapeError } from "../errors.ts";
import type { RealImages } from "../method/method.ts";
import type { Network } from "../nn/network.ts";
import { oneHotLabels } from "../synthetic/set-tensors.ts";
import type { Batch } from "./augment-batch.ts";

/** Images to train on: all in memory with their label rows, or read batch by batch with their classes. */
export type TrainingData =
  | {
      /** `[N, H, W, C]`, normalised. */
      readonly images: tf.Tensor4D;
      /** Probabilities `[N, K]`. */
      readonly labels: tf.Tensor2D;
    }
  | {
      readonly images: RealImages;
      /** Class of every image of the training split. */
      readonly labels: Int32Array;
      /** Which of them to train on; default all. */
      readonly positions?: Int32Array;
    };

/** Batches by number, whatever holds the images. */
export interface BatchSource {
  /** Number of images. */
  readonly size: number;
  /** The images numbered `chosen` (0 … size − 1), or all. Call it inside `tf.tidy`. */
  batch(chosen: Int32Array | undefined): Batch;
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

function memorySource({ images, labels }: InMemory, network: Network): BatchSource {
  const size = images.shape[0];
  if (labels.shape[0] !== size || labels.shape[1] !== network.classes) {
    throw new ShapeError(
      `training ${network.name}: labels must have shape [${size},${network.classes}] for ${size} images, got [${labels.shape}]`,
    );
  }
  return {
    size,
    batch(chosen) {
      if (chosen === undefined) return { images, labels };
      // A copy: the positions may be part of a larger array.
      const rows = tf.tensor1d(chosen.slice(), "int32");
      return { images: tf.gather(images, rows), labels: tf.gather(labels, rows) };
    },
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
