import * as tf from "@tensorflow/tfjs-core";
import {
  augmentationOf,
  dsa,
  flipEmbedding,
  foldIn,
  multiFormation,
  type ImageDataset,
  type Key,
} from "@limbeck/core";

export { augmentationOf, imagesPerStored } from "@limbeck/core";

/** What decides how stored images become what a network sees. */
export interface BatchConfig {
  readonly factor: number;
  readonly flipEmbedding: boolean;
  readonly augmentation: string;
}

/**
 * Real or synthetic images of one class under the class's transformation of this step: calls with one `key` and `label` give
 * batches of any two sizes the same one. Differentiable in `images`.
 *
 * @param key Of the step.
 */
export function siamese(
  images: tf.Tensor4D,
  config: Pick<BatchConfig, "augmentation">,
  dataset: ImageDataset,
  key: Key,
  label: number,
): tf.Tensor4D {
  const strategy = augmentationOf(config, dataset);
  if (strategy === "none") return images;
  return dsa(images, strategy, { key: foldIn(foldIn(key, "augment"), label), siamese: true });
}

/**
 * Stored images of some classes as the batch that is matched: decoded (multi-formation), followed by their mirror images (flip
 * embedding), each class under its siamese augmentation. Differentiable in `stored`, any number of times.
 *
 * @param stored `[group.length·n, H, W, C]`, class by class.
 * @param key Of the step.
 * @param group The labels of the classes, in order.
 * @returns `[group.length·n·imagesPerStored, H, W, C]`, class by class.
 */
export function syntheticBatch(
  stored: tf.Tensor4D,
  config: BatchConfig,
  dataset: ImageDataset,
  key: Key,
  group: readonly number[],
): tf.Tensor4D {
  const parts = group.length === 1 ? [stored] : (tf.split(stored, group.length) as tf.Tensor4D[]);
  return concatenate(
    parts.map((part, i) => {
      const decoded = config.factor === 1 ? part : multiFormation(part, config.factor, dataset.normalisation);
      const embedded = config.flipEmbedding ? flipEmbedding(decoded) : decoded;
      return siamese(embedded, config, dataset, key, group[i]!);
    }),
  );
}

/** Batches one after the other. */
export function concatenate(batches: readonly tf.Tensor4D[]): tf.Tensor4D {
  return batches.length === 1 ? batches[0]! : tf.concat([...batches], 0);
}
