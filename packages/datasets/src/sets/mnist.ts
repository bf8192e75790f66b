import { join } from "node:path";
import type { ImageDataset } from "@limbeck/core";
import { decodeIdx, findIdxFiles } from "../formats/idx.ts";
import type { Download } from "../io/download.ts";
import { openNamed, type NamedDataset, type NamedOptions } from "./named-dataset.ts";

const classes = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"] as const;

/** Published MD5 sums of the uncompressed files. */
const md5 = {
  "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
  "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
  "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
  "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
} as const;

function download(name: string, bytes: number, hex: string): Download {
  return {
    url: `https://ossci-datasets.s3.amazonaws.com/mnist/${name}`,
    file: `mnist/${name}`,
    bytes,
    sum: { algorithm: "sha256", hex },
  };
}

export const mnistSet: NamedDataset = {
  id: "mnist",
  title: "MNIST",
  classes,
  shape: [28, 28, 1],
  sizes: { train: 60_000, test: 10_000 },
  balanced: false,
  normalisation: { kind: "mean-std", mean: [0.1307], std: [0.3081] },
  mirrorInvariant: false,
  source: {
    citation:
      "Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-Based Learning Applied to Document Recognition, " +
      "Proceedings of the IEEE 86(11), 1998",
    licence: "not stated by the authors; terms are given variously, check before reuse",
    origin: "http://yann.lecun.com/exdb/mnist/",
  },
  embedded: false,
  downloads: [
    download(
      "train-images-idx3-ubyte.gz",
      9_912_422,
      "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    download(
      "train-labels-idx1-ubyte.gz",
      28_881,
      "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    download(
      "t10k-images-idx3-ubyte.gz",
      1_648_877,
      "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    download(
      "t10k-labels-idx1-ubyte.gz",
      4_542,
      "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
  ],
  find(folder) {
    for (const path of [join(folder, "mnist"), join(folder, "MNIST", "raw"), folder]) {
      const files = findIdxFiles(path);
      if (files !== undefined) {
        return Promise.resolve({
          path,
          files: () => Promise.resolve(files),
          decode: () => decodeIdx(files, classes, md5),
        });
      }
    }
    return Promise.resolve(undefined);
  },
};

/**
 * MNIST, 60,000 + 10,000 grey images of 28x28 in 10 classes, from the four IDX files (plain or .gz) in `mnist/` of a
 * data folder, else downloaded. The content is checked against the published MD5 sums when it is decoded.
 *
 * @throws {DataError} if the files are missing, damaged or others.
 */
export function mnist(options: NamedOptions = {}): Promise<ImageDataset> {
  return openNamed(mnistSet, options);
}
