import type { DecodedImages } from "../cache/decoded-images.ts";
import { classNamesFor } from "./class-names.ts";
import { decodeLabelledImages, type LabelledImage } from "./encoded-images.ts";
import type { ImageDecoderOptions } from "./image-decoder.ts";
import { seededSplit, type SplitSettings } from "./seeded-split.ts";

/** One file of images and labels, Parquet or Arrow, as data hubs store them. */
export interface HubTable {
  readonly path: string;
  /** Class names if the file tells them. */
  readonly classes: readonly string[] | undefined;
  /** All labels, in row order. */
  labels(): Promise<readonly number[]>;
  /** Encoded images in row order; rows that `wanted` refuses may be skipped unread. */
  images(
    wanted: (row: number) => boolean,
  ): AsyncIterable<{ readonly row: number; readonly bytes: Uint8Array }>;
}

/** Tables of each split; tables of both halves in one are divided by {@link seededSplit}. */
export type HubSplits =
  | { readonly train: readonly HubTable[]; readonly test: readonly HubTable[] }
  | { readonly whole: readonly HubTable[] };

/**
 * Read tables of encoded images.
 *
 * @param classes Class names that replace those of the files.
 * @throws {DataError} if a label is out of range or as {@link decodeLabelledImages}.
 */
export async function decodeHubTables(
  splits: HubSplits,
  split: SplitSettings,
  decoder: ImageDecoderOptions,
  classes?: readonly string[],
): Promise<DecodedImages> {
  const tables = "whole" in splits ? splits.whole : [...splits.train, ...splits.test];
  const labels = new Map<HubTable, readonly number[]>();
  for (const table of tables) labels.set(table, await table.labels());
  const names = tableClasses(labels, classes);
  if (!("whole" in splits)) {
    const all = (): boolean => true;
    const train = readTables(splits.train, labels, all);
    return decodeLabelledImages(names, { train, test: readTables(splits.test, labels, all) }, decoder);
  }
  const inTest = splitTables(labels, names, split);
  const train = readTables(tables, labels, (table, row) => !inTest.get(table)![row]!);
  const test = readTables(tables, labels, (table, row) => inTest.get(table)![row]!);
  return decodeLabelledImages(names, { train, test }, decoder);
}

function tableClasses(
  labels: ReadonlyMap<HubTable, readonly number[]>,
  given: readonly string[] | undefined,
): readonly string[] {
  const names = given ?? [...labels.keys()].find((table) => table.classes !== undefined)?.classes;
  let counted: readonly string[] = [];
  for (const [table, own] of labels) {
    const found = classNamesFor(table.path, own, names);
    if (found.length > counted.length) counted = found;
  }
  return counted;
}

function splitTables(
  labels: ReadonlyMap<HubTable, readonly number[]>,
  classes: readonly string[],
  settings: SplitSettings,
): ReadonlyMap<HubTable, readonly boolean[]> {
  const all = [...labels.values()].flat();
  const rows = all.map((_, row) => String(row));
  const inTest = seededSplit([...labels.keys()][0]!.path, rows, all, classes, settings);
  let start = 0;
  return new Map(
    [...labels].map(([table, own]) => {
      start += own.length;
      return [table, inTest.slice(start - own.length, start)];
    }),
  );
}

async function* readTables(
  tables: readonly HubTable[],
  labels: ReadonlyMap<HubTable, readonly number[]>,
  wanted: (table: HubTable, row: number) => boolean,
): AsyncGenerator<LabelledImage> {
  for (const table of tables) {
    const own = labels.get(table)!;
    for await (const { row, bytes } of table.images((index) => wanted(table, index))) {
      if (!wanted(table, row)) continue;
      yield { where: `${table.path}: row ${row}`, label: own[row]!, read: () => Promise.resolve(bytes) };
    }
  }
}
