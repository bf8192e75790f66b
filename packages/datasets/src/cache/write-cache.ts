import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { DataError, RunError, type ImageDataset } from "@limbeck/core";
import { errorText } from "../io/error-text.ts";
import { ArrowImageWriter } from "./arrow-image-writer.ts";
import { CACHE_VERSION, type CacheMetadata } from "./cache-metadata.ts";
import { ChannelStatistics } from "./channel-statistics.ts";
import { DatasetDigest } from "./dataset-digest.ts";
import { imageSize, type DecodedBatch, type DecodedImages } from "./decoded-images.ts";

let temporaryFiles = 0;

/** What the writer needs to know beside the images. */
export interface CacheDescription {
  readonly name: string;
  readonly source: ImageDataset["source"];
  /** Called with the number of images decoded so far. */
  readonly onImages?: (images: number) => void;
}

/**
 * Decode once into one Arrow file, written beside and renamed into place: after a failure nothing is left.
 *
 * @throws {DataError} if the decoder fails or gives labels or pixels that do not fit.
 * @throws {RunError} if the file cannot be written: full disk, no permission.
 */
export async function writeCache(
  path: string,
  description: CacheDescription,
  decode: () => Promise<DecodedImages>,
): Promise<void> {
  const decoded = await decode();
  const temporary = `${path}.${process.pid}-${temporaryFiles++}.part`;
  const file = writing(path, () => {
    mkdirSync(dirname(path), { recursive: true });
    return openSync(temporary, "wx");
  });
  try {
    try {
      await writeImages(path, file, description, decoded);
      writing(path, () => fsyncSync(file));
    } finally {
      closeSync(file);
    }
    writing(path, () => renameSync(temporary, path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

async function writeImages(
  path: string,
  file: number,
  description: CacheDescription,
  decoded: DecodedImages,
): Promise<void> {
  const { shape, classes } = decoded;
  const digest = new DatasetDigest();
  const statistics = new ChannelStatistics(shape[2]);
  const sizes = { train: 0, test: 0 };
  const start = { version: CACHE_VERSION, name: description.name, shape };
  const writer = new ArrowImageWriter(shape, start, (bytes) => {
    writing(path, () => writeAll(file, bytes));
  });
  for await (const batch of decoded.batches) {
    const labels = checkBatch(description.name, batch, decoded, sizes.test > 0);
    digest.addPixels(batch.split, batch.pixels);
    digest.addLabels(batch.split, labels);
    if (batch.split === "train") statistics.add(batch.pixels);
    sizes[batch.split] += labels.length;
    writer.add(batch.pixels, labels);
    description.onImages?.(sizes.train + sizes.test);
  }
  for (const split of ["train", "test"] as const) {
    if (sizes[split] === 0) {
      throw new DataError(`${description.name}: wanted at least one image in the ${split} split, got none`);
    }
  }
  writer.finish({
    version: CACHE_VERSION,
    name: description.name,
    classes: [...classes],
    shape: [...shape],
    sizes,
    ...statistics.result(),
    ...digest.finish(shape),
    source: description.source,
  } satisfies CacheMetadata);
}

function checkBatch(
  name: string,
  { split, pixels, labels }: DecodedBatch,
  { shape, classes }: DecodedImages,
  testStarted: boolean,
): Int32Array {
  if (pixels.length !== labels.length * imageSize(shape) || (split === "train" && testStarted)) {
    throw new Error(`${name}: the reader gave ${pixels.length} values for ${labels.length} ${split} images`);
  }
  const checked = new Int32Array(labels.length);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (!Number.isInteger(label) || label < 0 || label >= classes.length) {
      throw new DataError(
        `${name}: wanted labels in [0, ${classes.length}), got ${label} in the ${split} split; the data are damaged`,
      );
    }
    checked[i] = label;
  }
  return checked;
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
}

function writing<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new RunError(
      `${dirname(path)}: wanted to write the decoded images there, got "${errorText(error)}"; ` +
        `make room or set LIMBECK_CACHE to another folder`,
      { cause: error },
    );
  }
}
