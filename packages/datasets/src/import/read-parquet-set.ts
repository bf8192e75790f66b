import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DataError, type ImageDataset } from "@limbeck/core";
import { openParquetTable, readParquetNumbers } from "../formats/parquet.ts";
import type { EncodedImage } from "../formats/image-decoder.ts";
import type { ForeignArray, ForeignSet } from "./foreign-set.ts";
import { decodePictures } from "./pixel-rows.ts";

/**
 * Reads a set from a Parquet file laid out as data hubs have it, or from the `train` files of a folder of them: a struct column
 * of encoded images, a column of class labels, and soft labels as lists in `soft_label` where there are any.
 *
 * @throws {DataError} if a file is damaged, lacks a column, or a picture is not of the data set's shape.
 */
export async function readParquetSet(
  path: string,
  { shape, classes }: Pick<ImageDataset, "shape" | "classes">,
): Promise<ForeignSet> {
  const pictures: EncodedImage[] = [];
  const hard: number[] = [];
  const soft: number[] = [];
  let names: readonly string[] | undefined;
  for (const file of parquetFiles(path)) {
    const table = await openParquetTable(file, {});
    names ??= table.classes;
    for (const label of await table.labels()) hard.push(label);
    const numbers = await readParquetNumbers(file, "soft_label", classes.length);
    for (const number of numbers ?? []) soft.push(number);
    for await (const { row, bytes } of table.images(() => true)) {
      pictures.push({ where: `${file}: row ${row}`, read: () => Promise.resolve(bytes) });
    }
  }
  const size = pictures.length;
  if (soft.length !== 0 && soft.length !== size * classes.length) {
    throw new DataError(
      `${path}: wanted soft labels for all ${size} rows or for none, got ${soft.length} numbers`,
    );
  }
  const labels: ForeignArray =
    soft.length === 0
      ? { shape: [size], data: Float64Array.from(hard) }
      : { shape: [size, classes.length], data: Float32Array.from(soft) };
  return {
    where: path,
    images: await decodePictures(path, pictures, shape),
    labels,
    ...(names === undefined ? {} : { classes: names }),
  };
}

/** The file itself, or those of a folder, or of its folder `data`, that begin with `train`; all of them where none does. */
export function parquetFiles(path: string): readonly string[] {
  if (!existsSync(path) || !statSync(path).isDirectory()) return [path];
  for (const folder of [join(path, "data"), path]) {
    if (!existsSync(folder)) continue;
    const files = readdirSync(folder)
      .filter((name) => name.endsWith(".parquet"))
      .sort();
    const train = files.filter((name) => name.startsWith("train"));
    if (files.length > 0) return (train.length > 0 ? train : files).map((name) => join(folder, name));
  }
  return [];
}
