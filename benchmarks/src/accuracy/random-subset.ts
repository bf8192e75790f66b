import { createRunContext, normalisePixels, type ImageDataset, type SyntheticSet } from "@limbeck/core";
import { randomPositions } from "@limbeck/selection";

/**
 * The baseline that every condensed set must beat: `ipc` real training images of each class, drawn without replacement.
 *
 * Its provenance says method `random` and the seed of the draw; it has no augmentation of its own.
 *
 * @throws {DataError} if a class has fewer images.
 */
export function randomSubset(dataset: ImageDataset, ipc: number, seed: number): SyntheticSet {
  const positions = randomPositions(createRunContext(dataset, seed), ipc);
  const images = normalisePixels(dataset.train.read(positions), dataset.shape, dataset.normalisation);
  const set: SyntheticSet = {
    images: Float32Array.from(images.dataSync()),
    size: positions.length,
    shape: dataset.shape,
    classes: dataset.classes,
    labels: {
      kind: "hard",
      values: Int32Array.from(positions, (position) => dataset.train.labels[position]!),
    },
    normalisation: dataset.normalisation,
    augmentation: "none",
    provenance: {
      method: "random",
      dataset: dataset.name,
      datasetSha256: dataset.sha256,
      ipc,
      config: { ipc, seed },
      seed,
      iterations: 0,
      backend: "none",
      precision: "none",
      commit: "none",
      machine: "none",
      cite: "",
    },
  };
  images.dispose();
  return set;
}
