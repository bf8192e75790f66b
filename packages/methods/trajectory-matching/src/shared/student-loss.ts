import {
  augmentationOf,
  decodedRows,
  dsa,
  flipEmbedding,
  foldIn,
  imagesPerStored,
  logSoftmax,
  multiFormation,
  permutation,
  pieceRows,
  samplePieces,
  softmaxCrossEntropy,
  type ImageDataset,
  type Key,
  WHOLE_BATCH,
  type Network,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import type { StudentLoss } from "./trajectory-gradient.ts";

/** What decides the student's batches. */
export interface StudentConfig {
  readonly factor: number;
  readonly flipEmbedding: boolean;
  readonly augmentation: string;
  readonly innerSteps: number;
  readonly syntheticBatch: "full" | number;
}

export interface StudentLossOptions {
  readonly network: Network;
  readonly dataset: Pick<ImageDataset, "mirrorInvariant" | "normalisation">;
  readonly config: StudentConfig;
  /** Number of stored images. */
  readonly size: number;
  /** Of the outer step: decides batches and augmentation. */
  readonly key: Key;
  /** What the label rows are: probabilities, or logits whose soft-max is taken. */
  readonly labelSpace: "probabilities" | "logits";
  /** Factor of the loss. Default 1. */
  readonly factor?: number;
}

/**
 * The loss of each of the student's steps: cross-entropy on a batch of the stored images, decoded (multi-formation), with its
 * mirror images (flip embedding) and augmented, image by image and step by step anew.
 *
 * A batch larger than `samplesAtOnce` passes through the network in pieces; it is decoded and augmented whole for each of them.
 *
 * Batches cut a random order of all stored images into pieces, a fresh order when it is used up, the last piece first, which
 * may be shorter.
 */
export function studentLoss(options: StudentLossOptions): StudentLoss {
  const { network, dataset, config, size, key, labelSpace, factor = 1 } = options;
  const strategy = augmentationOf(config, dataset);
  const batches = batchRows(config, size, foldIn(key, "batches"));
  const loss: StudentLoss = (theta, images, labels, step, differentiate, piece = WHOLE_BATCH) => {
    const rows = batches[step];
    const [x, y] = rows === undefined ? [images, labels] : gatherRows(images, labels, rows);
    const decoded = config.factor === 1 ? x : multiFormation(x, config.factor, dataset.normalisation);
    const embedded = config.flipEmbedding ? flipEmbedding(decoded) : decoded;
    const augmented = dsa(embedded, strategy, { key: foldIn(foldIn(key, "augment"), step), siamese: false });
    const probabilities = labelSpace === "logits" ? (tf.exp(logSoftmax(y)) as tf.Tensor2D) : y;
    const own = config.factor === 1 ? probabilities : decodedRows(probabilities, config.factor);
    const wanted = config.flipEmbedding ? tf.concat([own, own]) : own;
    const { logits } = network.apply(theta, pieceRows(augmented, piece), { differentiate });
    const mean = softmaxCrossEntropy(logits, pieceRows(wanted, piece));
    return factor === 1 ? mean : (tf.mul(mean, factor) as tf.Scalar);
  };
  return Object.assign(loss, {
    pieces: (step: number) =>
      samplePieces(network, (batches[step]?.length ?? size) * imagesPerStored(config)),
  });
}

function gatherRows(images: tf.Tensor4D, labels: tf.Tensor2D, rows: Int32Array): [tf.Tensor4D, tf.Tensor2D] {
  const chosen = tf.tensor1d(rows.slice(), "int32");
  return [tf.gather(images, chosen), tf.gather(labels, chosen)];
}

/** The stored images of each step; undefined where it takes all of them. */
export function batchRows(
  { innerSteps, syntheticBatch }: Pick<StudentConfig, "innerSteps" | "syntheticBatch">,
  size: number,
  key: Key,
): readonly (Int32Array | undefined)[] {
  if (syntheticBatch === "full" || syntheticBatch >= size) {
    return Array.from({ length: innerSteps }, () => undefined);
  }
  const pieces = Math.ceil(size / syntheticBatch);
  let order: Int32Array = new Int32Array(0);
  return Array.from({ length: innerSteps }, (_, step) => {
    const round = Math.floor(step / pieces);
    if (step % pieces === 0) order = permutation(foldIn(key, round), size);
    const piece = pieces - 1 - (step % pieces);
    return order.slice(piece * syntheticBatch, (piece + 1) * syntheticBatch);
  });
}
