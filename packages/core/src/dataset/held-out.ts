import { foldIn, keyFromSeed, type Key } from "../random/key.ts";
import type { ImageDataset, ImageSplit } from "./image-dataset.ts";
import { stratifiedSplit, subsetOfSplit } from "./split.ts";

/** Positions of the training images that a run may learn from, ascending: all but the held-out share of every class. */
export function trainingPositions(dataset: ImageDataset, share: number): Int32Array {
  if (share === 0) return Int32Array.from({ length: dataset.train.size }, (_, i) => i);
  return stratifiedSplit(dataset.train.labels, share, heldOutKey()).train;
}

/**
 * The training images that a method with the setting `validationShare` holds out of a run: choose among sets and settings by their
 * accuracy on these, never on the test split. It is the same for every method and seed.
 *
 * @param share In (0, 1), as in the configuration.
 * @throws {ConfigError} on another share.
 */
export function heldOutSplit(dataset: ImageDataset, share: number): ImageSplit {
  const { validation } = stratifiedSplit(dataset.train.labels, share, heldOutKey());
  return subsetOfSplit(dataset.train, validation);
}

function heldOutKey(): Key {
  return foldIn(keyFromSeed(0), "held-out images");
}
