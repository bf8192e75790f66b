/** Test support: a small image data set in memory, made from a seed. */
import { integers, normal } from "../../random/draw.ts";
import { foldIn, keyFromSeed } from "../../random/key.ts";
import type { ImageDataset, ImageShape, ImageSplit } from "../image-dataset.ts";

export interface ToyOptions {
  readonly classes?: number;
  readonly perClass?: number;
  readonly shape?: ImageShape;
  /** Standard deviation of the pixels around their class's picture, in grey levels: small is easy. */
  readonly noise?: number;
}

/** Every class is a random picture plus noise. Classes take turns: label of image i is i mod K. */
export function toyDataset({
  classes = 3,
  perClass = 20,
  shape = [4, 4, 3],
  noise = 20,
}: ToyOptions = {}): ImageDataset {
  const size = shape[0] * shape[1] * shape[2];
  const key = keyFromSeed("toy");
  const pictures = integers(foldIn(key, "pictures"), classes * size, 60, 196);
  const split = (name: string): ImageSplit => {
    const count = classes * perClass;
    const deviations = normal(foldIn(key, name), count * size);
    const pixels = Uint8Array.from(deviations, (deviation, i) => {
      const label = Math.floor(i / size) % classes;
      return Math.min(255, Math.max(0, Math.round(pictures[label * size + (i % size)]! + noise * deviation)));
    });
    return splitOf(
      pixels,
      Int32Array.from({ length: count }, (_, i) => i % classes),
      size,
    );
  };
  return {
    name: "toy",
    classes: Array.from({ length: classes }, (_, i) => `class ${i}`),
    shape,
    normalisation: {
      kind: "mean-std",
      mean: Array.from({ length: shape[2] }, (_, c) => 0.5 - 0.02 * c),
      std: Array.from({ length: shape[2] }, (_, c) => 0.2 + 0.05 * c),
    },
    train: split("train"),
    test: split("test"),
    mirrorInvariant: false,
    source: { citation: "", licence: "", origin: "" },
    sha256: "",
  };
}

/** A split over pixels `[N, size]` in memory. */
export function splitOf(pixels: Uint8Array, labels: Int32Array, size: number): ImageSplit {
  return {
    size: labels.length,
    labels,
    read(indices) {
      const out = new Uint8Array(indices.length * size);
      for (let i = 0; i < indices.length; i++) {
        const index = indices[i]!;
        if (!(index >= 0 && index < labels.length)) throw new RangeError(`read: no image ${index}`);
        out.set(pixels.subarray(index * size, (index + 1) * size), i * size);
      }
      return out;
    },
  };
}
