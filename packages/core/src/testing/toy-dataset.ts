import { createHash } from "node:crypto";
import type { ImageDataset, ImageShape, ImageSplit } from "../dataset/image-dataset.ts";
import { foldIn, keyFromSeed, type Key } from "../random/key.ts";
import { normal, uniform } from "../random/draw.ts";

export interface ToyDatasetOptions {
  /** Default 3. */
  readonly classes?: number;
  /** Default `[8, 8, 3]`. */
  readonly shape?: ImageShape;
  /** Training images per class. Default 12; the test split has a third of it, at least one. */
  readonly perClass?: number;
  readonly seed?: number;
  /** Default: mean 0.5 and standard deviation 0.25 in every channel. */
  readonly normalisation?: ImageDataset["normalisation"];
}

/**
 * A data set that exists only in memory and is easy to learn: each class is a pattern of its own, each image that pattern
 * with noise. Same options, same bits.
 */
export function toyDataset(options: ToyDatasetOptions = {}): ImageDataset {
  const { classes = 3, shape = [8, 8, 3], perClass = 12, seed = 0 } = options;
  const channels = shape[2];
  const key = keyFromSeed(seed);
  const length = shape[0] * shape[1] * channels;
  const patterns = Array.from({ length: classes }, (_, label) =>
    uniform(foldIn(foldIn(key, "pattern"), label), length, 40, 215),
  );
  const train = toySplit(patterns, perClass, foldIn(key, "train"));
  const test = toySplit(patterns, Math.max(1, Math.floor(perClass / 3)), foldIn(key, "test"));
  const hash = createHash("sha256");
  for (const split of [train, test]) {
    hash.update(split.read(Array.from({ length: split.size }, (_, i) => i)));
    hash.update(new Uint8Array(split.labels.buffer));
  }
  return {
    name: "toy",
    classes: patterns.map((_, label) => `class ${label}`),
    shape,
    normalisation: options.normalisation ?? {
      kind: "mean-std",
      mean: Array.from({ length: channels }, () => 0.5),
      std: Array.from({ length: channels }, () => 0.25),
    },
    train,
    test,
    mirrorInvariant: true,
    source: { citation: "generated", licence: "CC0-1.0", origin: "toyDataset" },
    sha256: hash.digest("hex"),
  };
}

/** Classes alternate, so that a method which takes the first images for the first class is found out. */
function toySplit(patterns: readonly Float32Array[], perClass: number, key: Key): ImageSplit {
  const size = patterns.length * perClass;
  const length = patterns[0]!.length;
  const labels = Int32Array.from({ length: size }, (_, i) => i % patterns.length);
  const pixels = new Uint8ClampedArray(size * length);
  const noise = normal(key, size * length);
  for (let i = 0; i < size; i++) {
    const pattern = patterns[labels[i]!]!;
    for (let j = 0; j < length; j++) pixels[i * length + j] = pattern[j]! + 20 * noise[i * length + j]!;
  }
  return {
    size,
    labels,
    read(indices) {
      const out = new Uint8Array(indices.length * length);
      Array.from(indices).forEach((index, i) => {
        if (!(index >= 0 && index < size))
          throw new RangeError(`toy: index ${index} is outside 0…${size - 1}`);
        out.set(pixels.subarray(index * length, (index + 1) * length), i * length);
      });
      return out;
    },
  };
}
