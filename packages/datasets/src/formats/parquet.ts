import { DataError, LimbeckError } from "@limbeck/core";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from "hyparquet";
import type { AsyncBuffer, FileMetaData, RowGroup } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { errorText } from "../io/error-text.ts";
import { findHubColumns, imageBytes, labelNumber, type HubColumnChoice } from "./hub-features.ts";
import type { HubTable } from "./hub-table.ts";
import { checkParquetPages } from "./parquet-pages.ts";

/** Largest row group that is read at once. */
const MOST_GROUP_BYTES = 2 ** 31;

/**
 * Open a Parquet file of images as data hubs store them: a struct column of `bytes` and `path` (or a column of bytes)
 * and an integer label column, class names from the `huggingface` metadata. One row group is in memory at a time.
 *
 * @throws {DataError} if the file is damaged or has no such columns.
 */
export async function openParquetTable(path: string, choice: HubColumnChoice): Promise<HubTable> {
  const { file, metadata } = await openFile(path);
  const names = parquetSchema(metadata).children.map(({ element }) => element.name);
  const features = metadata.key_value_metadata?.find(({ key }) => key === "huggingface")?.value;
  const columns = findHubColumns(path, names, features, choice);
  await checkParquetPages(path, file, metadata, columns.label);
  await checkParquetPages(path, file, metadata, columns.image);
  return {
    path,
    classes: columns.classes,
    async labels() {
      const labels: number[] = [];
      for (const group of rowGroups(path, metadata)) {
        for (const value of await readColumn(path, file, metadata, columns.label, group)) {
          labels.push(labelNumber(path, columns.label, value, labels.length));
        }
      }
      return labels;
    },
    async *images(wanted) {
      for (const group of rowGroups(path, metadata)) {
        const rows = Array.from({ length: group.end - group.start }, (_, i) => group.start + i);
        if (!rows.some(wanted)) continue;
        const cells = await readColumn(path, file, metadata, columns.image, group);
        for (const row of rows) {
          yield { row, bytes: imageBytes(`${path}: row ${row}`, cells[row - group.start]) };
        }
      }
    },
  };
}

/**
 * The numbers of a column of lists, `length` a row, or undefined where the file has no such column.
 *
 * @throws {DataError} if the file is damaged or a list is of another length.
 */
export async function readParquetNumbers(
  path: string,
  column: string,
  length: number,
): Promise<readonly number[] | undefined> {
  const { file, metadata } = await openFile(path);
  if (!parquetSchema(metadata).children.some(({ element }) => element.name === column)) return undefined;
  await checkParquetPages(path, file, metadata, column, length);
  const numbers: number[] = [];
  for (const group of rowGroups(path, metadata)) {
    for (const cell of await readColumn(path, file, metadata, column, group)) {
      if (!Array.isArray(cell) || cell.length !== length) {
        throw new DataError(`${path}: wanted lists of ${length} numbers in column ${column}, got others`);
      }
      for (const number of cell) numbers.push(Number(number));
    }
  }
  return numbers;
}

async function openFile(path: string): Promise<{ file: AsyncBuffer; metadata: FileMetaData }> {
  return reading(path, async () => {
    const file = await asyncBufferFromFile(path);
    return { file, metadata: await parquetMetadataAsync(file) };
  });
}

interface RowRange {
  readonly start: number;
  readonly end: number;
}

function rowGroups(path: string, metadata: FileMetaData): readonly RowRange[] {
  let start = 0;
  return metadata.row_groups.map((group: RowGroup) => {
    if (group.total_byte_size > MOST_GROUP_BYTES) {
      throw new DataError(`${path}: wanted row groups of at most 2 GiB, got ${group.total_byte_size} bytes`);
    }
    const end = start + Number(group.num_rows);
    const range = { start, end };
    start = end;
    return range;
  });
}

async function readColumn(
  path: string,
  file: AsyncBuffer,
  metadata: FileMetaData,
  column: string,
  { start, end }: RowRange,
): Promise<readonly unknown[]> {
  return reading(path, async () => {
    const rows = await parquetReadObjects({
      file,
      metadata,
      columns: [column],
      rowStart: start,
      rowEnd: end,
      compressors,
      utf8: false,
    });
    if (rows.length !== end - start) throw new Error(`${rows.length} rows instead of ${end - start}`);
    return rows.map((row) => row[column] as unknown);
  });
}

async function reading<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof LimbeckError) throw error;
    throw new DataError(
      `${path}: wanted a readable Parquet file, got "${errorText(error)}"; ` +
        `it is truncated or corrupted: delete it and get it again`,
      { cause: error },
    );
  }
}
