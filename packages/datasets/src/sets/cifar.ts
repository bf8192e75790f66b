import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { ImageDataset } from "@limbeck/core";
import { DataError } from "@limbeck/core";
import type { DecodedBatch, DecodedImages } from "../cache/decoded-images.ts";
import {
  cifar100Variant,
  cifar10Variant,
  decodeCifar,
  findCifarFiles,
  type CifarSettings,
} from "../formats/cifar-binary.ts";
import { cacheFolder } from "../folders.ts";
import { extractTar } from "../io/extract-tar.ts";
import { cifar100Classes } from "./cifar100-classes.ts";
import { openNamed, type FoundSource, type NamedDataset, type NamedOptions } from "./named-dataset.ts";

const citation =
  "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, technical report, 2009";
const licence = "not stated by the authors";
const origin = "https://www.cs.toronto.edu/~kriz/cifar.html";

const cifar10Settings: CifarSettings = {
  variant: cifar10Variant,
  classes: ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
  md5: {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
  },
};

const cifar100Settings: CifarSettings = { variant: cifar100Variant, classes: cifar100Classes };

export const cifar10Set: NamedDataset = {
  id: "cifar10",
  title: "CIFAR-10",
  classes: cifar10Settings.classes,
  shape: [32, 32, 3],
  sizes: { train: 50_000, test: 10_000 },
  balanced: true,
  normalisation: { kind: "mean-std", mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] },
  mirrorInvariant: true,
  source: { citation, licence, origin },
  embedded: false,
  downloads: [
    {
      url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
      file: "cifar-10-binary.tar.gz",
      bytes: 170_052_171,
      sum: { algorithm: "md5", hex: "c32a1d4ab5d03f1284b67883e8d87530" },
    },
  ],
  find: (folder) => findCifar(folder, "cifar-10-batches-bin", "cifar-10-binary.tar.gz", cifar10Settings),
};

export const cifar100Set: NamedDataset = {
  id: "cifar100",
  title: "CIFAR-100",
  classes: cifar100Classes,
  shape: [32, 32, 3],
  sizes: { train: 50_000, test: 10_000 },
  balanced: true,
  normalisation: { kind: "mean-std", mean: [0.5071, 0.4866, 0.4409], std: [0.2673, 0.2564, 0.2762] },
  mirrorInvariant: true,
  source: { citation, licence, origin },
  embedded: false,
  downloads: [
    {
      url: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
      file: "cifar-100-binary.tar.gz",
      bytes: 168_513_733,
      sum: { algorithm: "md5", hex: "03b5dce01913d631647c71ecec9e9cb8" },
    },
  ],
  find: (folder) => findCifar(folder, "cifar-100-binary", "cifar-100-binary.tar.gz", cifar100Settings),
};

/**
 * CIFAR-10, 50,000 + 10,000 colour images of 32x32 in 10 classes, from the official binary version in
 * `cifar-10-batches-bin/` of a data folder (plain or each file .gz) or `cifar-10-binary.tar.gz`, else downloaded. The
 * content is checked against the published MD5 sums when it is decoded.
 *
 * @throws {DataError} if the files are missing, damaged or others.
 */
export function cifar10(options: NamedOptions = {}): Promise<ImageDataset> {
  return openNamed(cifar10Set, options);
}

/**
 * CIFAR-100 with its 100 fine classes, 50,000 + 10,000 colour images of 32x32, from the official binary version in
 * `cifar-100-binary/` of a data folder or `cifar-100-binary.tar.gz`, else downloaded.
 *
 * @throws {DataError} if the files are missing, damaged or others.
 */
export function cifar100(options: NamedOptions = {}): Promise<ImageDataset> {
  return openNamed(cifar100Set, options);
}

function findCifar(
  folder: string,
  name: string,
  archiveName: string,
  settings: CifarSettings,
): Promise<FoundSource | undefined> {
  for (const path of [join(folder, name), folder]) {
    const files = findCifarFiles(path, settings.variant);
    if (files !== undefined) {
      return Promise.resolve({
        path,
        files: () => Promise.resolve(files),
        decode: () => Promise.resolve(decodeCifar(files, settings)),
      });
    }
  }
  const archive = join(folder, archiveName);
  if (!existsSync(archive)) return Promise.resolve(undefined);
  return Promise.resolve({
    path: archive,
    files: () => Promise.resolve([{ name: archiveName, path: archive }]),
    decode: (options) => Promise.resolve(decodeCifarArchive(archive, settings, options.cacheFolder)),
  });
}

let unpackFolders = 0;

/** Unpack into a folder of the cache, read in official order, and remove the folder again. */
export function decodeCifarArchive(archive: string, settings: CifarSettings, cache?: string): DecodedImages {
  async function* batches(): AsyncGenerator<DecodedBatch> {
    const folder = join(cacheFolder(cache), `unpack-${process.pid}-${unpackFolders++}`);
    try {
      await extractTar(archive, folder, { bytes: 2 ** 28, entries: 100 });
      const files = ["cifar-10-batches-bin", "cifar-100-binary", "."]
        .map((name) => findCifarFiles(join(folder, name), settings.variant))
        .find((found) => found !== undefined);
      if (files === undefined) {
        const wanted = [...settings.variant.train, ...settings.variant.test].join(", ");
        throw new DataError(`${archive}: wanted ${wanted}, got an archive without them`);
      }
      yield* decodeCifar(files, settings).batches;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return { shape: [32, 32, 3], classes: settings.classes, batches: batches() };
}
