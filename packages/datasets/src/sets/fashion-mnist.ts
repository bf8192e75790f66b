import { join } from "node:path";
import type { ImageDataset } from "@limbeck/core";
import { decodeIdx, findIdxFiles } from "../formats/idx.ts";
import { packageRoot } from "../package-root.ts";
import { openNamed, type NamedDataset, type NamedOptions } from "./named-dataset.ts";

const classes = [
  "T-shirt/top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
] as const;

/** SHA-256 of the official .gz files. */
const sha256: Readonly<Record<string, string>> = {
  "train-images-idx3-ubyte": "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
  "train-labels-idx1-ubyte": "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
  "t10k-images-idx3-ubyte": "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
  "t10k-labels-idx1-ubyte": "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
};

export const fashionMnistSet: NamedDataset = {
  id: "fashion-mnist",
  title: "Fashion-MNIST",
  classes,
  shape: [28, 28, 1],
  sizes: { train: 60_000, test: 10_000 },
  balanced: true,
  normalisation: { kind: "mean-std", mean: [0.2861], std: [0.353] },
  mirrorInvariant: true,
  source: {
    citation:
      "H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning " +
      "Algorithms, arXiv:1708.07747, 2017",
    licence: "MIT, Copyright (c) 2017 Zalando SE",
    origin: "https://github.com/zalandoresearch/fashion-mnist",
  },
  embedded: true,
  downloads: [],
  find() {
    const folder = join(packageRoot, "data", "fashion-mnist");
    const files = findIdxFiles(folder)?.map((file) => ({ ...file, sha256: sha256[file.name]! }));
    if (files === undefined) return Promise.resolve(undefined);
    return Promise.resolve({
      path: folder,
      files: () => Promise.resolve(files),
      decode: () => decodeIdx(files, classes),
    });
  },
};

/**
 * Fashion-MNIST, 60,000 + 10,000 grey images of 28x28 in 10 classes. Its files come with this package; their SHA-256
 * sums are checked at every opening.
 *
 * @throws {DataError} if the files of the package are missing or damaged.
 */
export function fashionMnist(
  options: Omit<NamedOptions, "dataFolder" | "download"> = {},
): Promise<ImageDataset> {
  return openNamed(fashionMnistSet, options);
}
