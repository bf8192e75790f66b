import { createHash } from "node:crypto";
import { ConfigError } from "../errors.ts";
import type { ImageDataset, ImageSplit } from "./image-dataset.ts";
import { subsetOfSplit } from "./split.ts";

/**
 * Some classes of a data set as a data set of their own, labels 0 … in the given order. Nothing is copied.
 *
 * @param labels Distinct labels of `dataset`, one at least.
 * @throws {ConfigError} if a label is unknown or named twice, or there is none.
 */
export function classSubset(dataset: ImageDataset, labels: readonly number[]): ImageDataset {
  const count = dataset.classes.length;
  if (labels.length === 0) throw new ConfigError("classSubset: wanted at least one class, got none");
  const newLabel = new Int32Array(count).fill(-1);
  for (const [i, label] of labels.entries()) {
    if (!(Number.isInteger(label) && label >= 0 && label < count)) {
      throw new ConfigError(`classSubset: labels must be from 0 to ${count - 1}, got ${label}`);
    }
    if (newLabel[label] !== -1) throw new ConfigError(`classSubset: label ${label} is named twice`);
    newLabel[label] = i;
  }
  const part = (split: ImageSplit): ImageSplit => {
    const positions = Int32Array.from({ length: split.size }, (_, i) => i).filter(
      (i) => newLabel[split.labels[i]!] !== -1,
    );
    const chosen = subsetOfSplit(split, positions);
    return { ...chosen, labels: chosen.labels.map((label) => newLabel[label]!) };
  };
  return {
    ...dataset,
    classes: labels.map((label) => dataset.classes[label]!),
    train: part(dataset.train),
    test: part(dataset.test),
    sha256: createHash("sha256")
      .update(`${dataset.sha256} classes ${labels.join(",")}`)
      .digest("hex"),
  };
}
