import { existsSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "@limbeck/core";
import type { DecodedBatch, DecodedImages, SplitName } from "../cache/decoded-images.ts";
import type { SourceFile } from "../cache/source-identity.ts";
import { openByteReader } from "../io/byte-reader.ts";

/** Which of the two official binary versions. */
export interface CifarVariant {
  readonly train: readonly string[];
  readonly test: readonly string[];
  /** Label bytes before the pixels; the last one is the class. */
  readonly labelBytes: number;
  /** Records of each train and each test file. */
  readonly records: { readonly train: number; readonly test: number };
}

export const cifar10Variant: CifarVariant = {
  train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`),
  test: ["test_batch.bin"],
  labelBytes: 1,
  records: { train: 10_000, test: 10_000 },
};

export const cifar100Variant: CifarVariant = {
  train: ["train.bin"],
  test: ["test.bin"],
  labelBytes: 2,
  records: { train: 50_000, test: 10_000 },
};

const SIDE = 32;
const PLANE = SIDE * SIDE;
const PIXELS = 3 * PLANE;
const BATCH_RECORDS = 2000;

/** The data files of a variant in `folder`, plain or `.gz`, or `undefined` if one is missing. */
export function findCifarFiles(folder: string, variant: CifarVariant): readonly SourceFile[] | undefined {
  const found = [...variant.train, ...variant.test].map((name) => {
    const path = [name, `${name}.gz`].map((file) => join(folder, file)).find((file) => existsSync(file));
    return path === undefined ? undefined : { name, path };
  });
  return found.every((file) => file !== undefined) ? found : undefined;
}

/** Settings of {@link decodeCifar}. */
export interface CifarSettings {
  readonly variant: CifarVariant;
  /** Class names in label order. */
  readonly classes: readonly string[];
  /** Published MD5 sums of uncompressed files by name; files that are not named are not checked. */
  readonly md5?: Readonly<Record<string, string>>;
}

/**
 * Read the official binary version of CIFAR-10 or CIFAR-100: records of 1 or 2 label bytes and 3,072 pixel bytes
 * (all red, all green, all blue; row-major), here turned to [H, W, C].
 *
 * @throws {DataError} if a file is truncated, damaged, too long, differs from its published sum, or holds a label
 *   outside the classes.
 */
export function decodeCifar(files: readonly SourceFile[], settings: CifarSettings): DecodedImages {
  async function* batches(): AsyncGenerator<DecodedBatch> {
    for (const file of files) yield* readRecords(file, settings);
  }
  return { shape: [SIDE, SIDE, 3], classes: settings.classes, batches: batches() };
}

async function* readRecords(file: SourceFile, settings: CifarSettings): AsyncGenerator<DecodedBatch> {
  const { variant, classes, md5 } = settings;
  const split: SplitName = variant.test.includes(file.name) ? "test" : "train";
  const recordBytes = variant.labelBytes + PIXELS;
  const reader = await openByteReader(file.path);
  try {
    for (let start = 0; start < variant.records[split]; start += BATCH_RECORDS) {
      const count = Math.min(BATCH_RECORDS, variant.records[split] - start);
      const records = await reader.read(count * recordBytes);
      const pixels = new Uint8Array(count * PIXELS);
      const labels = new Uint8Array(count);
      for (let i = 0; i < count; i++) {
        const pixelStart = i * recordBytes + variant.labelBytes;
        labels[i] = records[pixelStart - 1]!;
        if (labels[i]! >= classes.length) {
          throw new DataError(
            `${file.path}: wanted labels in [0, ${classes.length}), got ${labels[i]} in record ${start + i}; ` +
              `the file is corrupted: delete it and get it again`,
          );
        }
        interleave(records, pixelStart, pixels, i * PIXELS);
      }
      yield { split, pixels, labels };
    }
    await reader.end();
    reader.checkMd5(md5?.[file.name]);
  } finally {
    await reader.close();
  }
}

function interleave(planes: Uint8Array, from: number, pixels: Uint8Array, to: number): void {
  for (let i = 0; i < PLANE; i++) {
    pixels[to + 3 * i] = planes[from + i]!;
    pixels[to + 3 * i + 1] = planes[from + PLANE + i]!;
    pixels[to + 3 * i + 2] = planes[from + 2 * PLANE + i]!;
  }
}
