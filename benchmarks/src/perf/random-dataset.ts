import { integers, keyFromSeed, type ImageDataset, type ImageSplit } from "@limbeck/core";

/** Images `[side, side, 3]` whose pixels are drawn at random, labels in turn; both splits are the same. */
export function randomDataset(sizes: {
  readonly classes: number;
  readonly perClass: number;
  readonly side: number;
}): ImageDataset {
  const { classes, perClass, side } = sizes;
  const [size, length] = [classes * perClass, side * side * 3];
  const pixels = Uint8Array.from(integers(keyFromSeed("random images"), size * length, 0, 256));
  const split: ImageSplit = {
    size,
    labels: Int32Array.from({ length: size }, (_, i) => i % classes),
    read(indices) {
      const images = new Uint8Array(indices.length * length);
      Array.from(indices).forEach((index, i) =>
        images.set(pixels.subarray(index * length, (index + 1) * length), i * length),
      );
      return images;
    },
  };
  return {
    name: "random",
    classes: Array.from({ length: classes }, (_, label) => String(label)),
    shape: [side, side, 3],
    normalisation: { kind: "mean-std", mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
    train: split,
    test: split,
    mirrorInvariant: true,
    source: { citation: "generated", licence: "CC0-1.0", origin: "pnpm perf" },
    sha256: "",
  };
}
