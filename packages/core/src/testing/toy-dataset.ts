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
  /** Standard deviation of the pixels around their class's pattern, in grey levels: small is easy. Default 20. */
  readonly noise?: number;
  /** Default: mean 0.5 and standard deviation 0.25 in every channel. */
  readonly normalisation?: ImageDataset["normalisation"];
}

/**
 * A data set that exists only in memory and is easy to learn: each class is a pattern of its own, each image that pattern
 * with noise. Same options, same bits.
 */
export function toyDataset(options: ToyDatasetOptions = {}): ImageDataset {
  const { classes = 3, shape = [8, 8, 3], perClass = 12, seed = 0, noise = 20 } = options;
  const channels = shape[2];
  const key = keyFromSeed(seed);
  const length = shape[0] * shape[1] * channels;
  const patterns = Array.from({ length: classes }, (_, label) =>
    uniform(foldIn(foldIn(key, "pattern"), label), length, 40, 215),
  );
  const train = toySplit(patterns, perClass, noise, foldIn(key, "train"));
  const test = toySplit(patterns, Math.max(1, Math.floor(perClass / 3)), noise, foldIn(key, "test"));
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
function toySplit(patterns: readonly Float32Array[], perClass: number, noise: number, key: Key): ImageSplit {
  const size = patterns.length * perClass;
  const length = patterns[0]!.length;
  const labels = Int32Array.from({ length: size }, (_, i) => i % patterns.length);
  const pixels = new Uint8ClampedArray(size * length);
  const deviations = normal(key, size * length);
  for (let i = 0; i < size; i++) {
    const pattern = patterns[labels[i]!]!;
    for (let j = 0; j < length; j++)
      pixels[i * length + j] = pattern[j]! + noise * deviations[i * length + j]!;
  }
  return memorySplit(pixels, labels, length);
}

/** A split over pixels `[N, length]` in memory. */
export function memorySplit(
  pixels: Uint8Array | Uint8ClampedArray,
  labels: Int32Array,
  length: number,
): ImageSplit {
  const size = labels.length;
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
