import * as tf from "@tensorflow/tfjs-core";
import { DataError } from "../errors.ts";
import type { RealImages } from "../method/method.ts";
import type { ImageDataset, ImageSplit, Normalisation } from "./image-dataset.ts";
import { checkNormalisation, normalisePixels } from "./normalise.ts";
import { numbersOf } from "../engine/numbers-of.ts";

/** Whitened splits up to this size are kept as floats: whitening a batch anew costs as much as a small network. */
const WHITENED_CACHE_BYTES = 2 ** 30;
/** Images whitened together. Fixed, so that an image has the same bits whoever asks for it first. */
const BLOCK = 500;

/**
 * The training images of a data set as normalised tensors, by class and position.
 *
 * Whitened images of a split that fits into 1 GiB are computed once, in fixed blocks, and kept.
 *
 * @throws {ShapeError} if the normalisation does not fit the images.
 */
export function realImages(
  dataset: ImageDataset,
  normalisation: Normalisation = dataset.normalisation,
): RealImages {
  checkNormalisation(normalisation, dataset.shape);
  const { train, shape, classes } = dataset;
  const size = shape[0] * shape[1] * shape[2];
  const positions = classPositions(train.labels, classes.length);
  const keep = normalisation.kind === "zca" && train.size * size * 4 <= WHITENED_CACHE_BYTES;
  const cache = keep ? whitenedCache(train, shape, normalisation, size) : undefined;
  return {
    ofClass(label) {
      const found = positions[label];
      if (found !== undefined) return found;
      throw new DataError(`${dataset.name}: class must be from 0 to ${classes.length - 1}, got ${label}`);
    },
    read(indices) {
      if (cache === undefined) return normalisePixels(train.read(indices), shape, normalisation);
      const out = new Float32Array(indices.length * size);
      for (let i = 0; i < indices.length; i++) out.set(cache(indices[i]!), i * size);
      return tf.tensor4d(out, [indices.length, ...shape]);
    },
  };
}

/**
 * Positions of each class in a list of labels, ascending: element k holds those of class k.
 *
 * @throws {DataError} on a label outside 0 … `classes` − 1.
 */
export function classPositions(labels: ArrayLike<number>, classes: number): Int32Array[] {
  const lists = Array.from({ length: classes }, (): number[] => []);
  for (let i = 0; i < labels.length; i++) {
    const list = lists[labels[i]!];
    if (list === undefined) {
      throw new DataError(`labels: must be from 0 to ${classes - 1}, got ${labels[i]} at position ${i}`);
    }
    list.push(i);
  }
  return lists.map((list) => Int32Array.from(list));
}

function whitenedCache(
  split: ImageSplit,
  shape: ImageDataset["shape"],
  normalisation: Normalisation,
  size: number,
): (index: number) => Float32Array {
  const blocks: (Float32Array | undefined)[] = [];
  return (index) => {
    if (!(index >= 0 && index < split.size)) {
      throw new RangeError(`read: index must be from 0 to ${split.size - 1}, got ${index}`);
    }
    const block = Math.floor(index / BLOCK);
    blocks[block] ??= numbersOf(() => {
      const count = Math.min(BLOCK, split.size - block * BLOCK);
      const indices = Int32Array.from({ length: count }, (_, i) => block * BLOCK + i);
      return normalisePixels(split.read(indices), shape, normalisation);
    });
    const start = (index - block * BLOCK) * size;
    return blocks[block].subarray(start, start + size);
  };
}
