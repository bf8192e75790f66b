import { existsSync } from "node:fs";
import { join } from "node:path";
import { DataError, type ImageShape } from "@limbeck/core";
import type { DecodedBatch, DecodedImages, SplitName } from "../cache/decoded-images.ts";
import { imageSize } from "../cache/decoded-images.ts";
import type { SourceFile } from "../cache/source-identity.ts";
import { openByteReader, type ByteReader } from "../io/byte-reader.ts";
import { classNamesFor } from "./class-names.ts";

/** Published MD5 sums of uncompressed files, by {@link idxFileNames}. */
export type IdxSums = Readonly<Record<(typeof idxFileNames)[number], string>>;

/** Official names without `.gz`. */
export const idxFileNames = [
  "train-images-idx3-ubyte",
  "train-labels-idx1-ubyte",
  "t10k-images-idx3-ubyte",
  "t10k-labels-idx1-ubyte",
] as const;

const BATCH_IMAGES = 4096;
const MOST_IMAGES = 1e8;
const UNSIGNED_BYTE = 0x08;

/** The four files in `folder`, plain or `.gz`, or `undefined` if one is missing. */
export function findIdxFiles(folder: string): readonly SourceFile[] | undefined {
  const found = idxFileNames.map((name) => {
    const spellings = [name, name.replace("-idx", ".idx")].flatMap((stem) => [stem, `${stem}.gz`]);
    const file = spellings.map((spelling) => join(folder, spelling)).find((path) => existsSync(path));
    return file === undefined ? undefined : { name, path: file };
  });
  return found.every((file) => file !== undefined) ? found : undefined;
}

/**
 * Read an IDX data set (the format of MNIST): big-endian header, unsigned bytes, row-major; plain or gzip.
 *
 * @param files In the order of {@link idxFileNames}.
 * @param classes Class names; without them "0", "1", … up to the largest label.
 * @param sums Published MD5 sums of the uncompressed files.
 * @throws {DataError} if a header is not IDX, a file is truncated, damaged, longer than its header says or differs
 *   from its published sum, or the counts of images and labels differ.
 */
export async function decodeIdx(
  files: readonly SourceFile[],
  classes?: readonly string[],
  sums?: IdxSums,
): Promise<DecodedImages> {
  const [trainImages, trainLabels, testImages, testLabels] = files.map((file) => file.path);
  const splits = { train: [trainImages!, trainLabels!], test: [testImages!, testLabels!] } as const;
  const labels = {
    train: await readLabels(splits.train[1], sums?.["train-labels-idx1-ubyte"]),
    test: await readLabels(splits.test[1], sums?.["t10k-labels-idx1-ubyte"]),
  };
  const names = classNamesFor(splits.train[1], labels.train, classes);
  classNamesFor(splits.test[1], labels.test, names);
  const shape = await readShape(splits.train[0]);

  async function* batches(): AsyncGenerator<DecodedBatch> {
    yield* readImages("train", splits.train[0], labels.train, shape, sums?.["train-images-idx3-ubyte"]);
    yield* readImages("test", splits.test[0], labels.test, shape, sums?.["t10k-images-idx3-ubyte"]);
  }
  return { shape, classes: names, batches: batches() };
}

async function* readImages(
  split: SplitName,
  path: string,
  labels: Uint8Array,
  shape: ImageShape,
  md5: string | undefined,
): AsyncGenerator<DecodedBatch> {
  const reader = await openByteReader(path);
  try {
    const dimensions = await readHeader(reader);
    const [count] = dimensions;
    if (count !== labels.length) {
      throw new DataError(`${path}: wanted ${labels.length} images, as many as labels, got ${count}`);
    }
    const got = imageShape(path, dimensions);
    if (got.join() !== shape.join()) {
      throw new DataError(`${path}: wanted images of ${shape.join("x")} as in train, got ${got.join("x")}`);
    }
    for (let start = 0; start < count; start += BATCH_IMAGES) {
      const part = labels.subarray(start, start + BATCH_IMAGES);
      yield { split, pixels: await reader.read(part.length * imageSize(shape)), labels: part };
    }
    await reader.end();
    reader.checkMd5(md5);
  } finally {
    await reader.close();
  }
}

async function readLabels(path: string, md5: string | undefined): Promise<Uint8Array> {
  const reader = await openByteReader(path);
  try {
    const dimensions = await readHeader(reader);
    const [count] = dimensions;
    if (dimensions.length !== 1 || count === undefined || count > MOST_IMAGES) {
      throw new DataError(`${path}: wanted a list of labels, got an array of shape [${dimensions}]`);
    }
    const labels = await reader.read(count);
    await reader.end();
    reader.checkMd5(md5);
    return labels;
  } finally {
    await reader.close();
  }
}

async function readShape(path: string): Promise<ImageShape> {
  const reader = await openByteReader(path);
  try {
    return imageShape(path, await readHeader(reader));
  } finally {
    await reader.close();
  }
}

function imageShape(path: string, dimensions: readonly number[]): ImageShape {
  const [, height = 0, width = 0, channels = 1] = dimensions;
  const fits = dimensions.length === 3 || (dimensions.length === 4 && (channels === 1 || channels === 3));
  if (!fits || height < 1 || width < 1 || height > 4096 || width > 4096) {
    throw new DataError(
      `${path}: wanted images of shape [N,H,W] or [N,H,W,C] with C 1 or 3, got [${dimensions.join(",")}]`,
    );
  }
  return [height, width, channels];
}

async function readHeader(reader: ByteReader): Promise<readonly number[]> {
  const [zero, also, type, rank] = await reader.read(4);
  if (zero !== 0 || also !== 0 || type !== UNSIGNED_BYTE || rank === undefined || rank < 1 || rank > 4) {
    throw new DataError(
      `${reader.name}: wanted an IDX file of unsigned bytes, got the header ${[zero, also, type, rank].join(" ")}`,
    );
  }
  const bytes = Buffer.from(await reader.read(4 * rank));
  return Array.from({ length: rank }, (_, i) => bytes.readUInt32BE(4 * i));
}
