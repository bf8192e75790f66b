import { DataError } from "@limbeck/core";
import type { AsyncBuffer, ColumnMetaData, FileMetaData } from "hyparquet";
import { deserializeTCompactProtocol } from "hyparquet/src/thrift.js";

/** Largest page, unpacked. */
const MOST_PAGE_BYTES = 2 ** 31 - 1;
/** Images never shrink as far as this; a page that does is a bomb. Small pages are let through. */
const BOMB = { bytes: 1 << 26, ratio: 200 };
const MOST_HEADER_BYTES = 2 ** 20;

/** What is read of a page header; all of it is untrusted. */
interface PageHeader {
  /** Bytes of the header itself. */
  readonly bytes: number;
  readonly packed: number;
  readonly unpacked: number;
  /** Values of a data page; 0 for a dictionary. */
  readonly values: number;
}

/**
 * Check that the pages of one column follow each other within their chunk and hold the number of values that the
 * footer states. The page decoder takes these numbers on trust: a damaged one would make it loop or fill the memory.
 *
 * @param perRow Values of each row: those of a list of fixed length.
 * @throws {DataError} if they do not.
 */
export async function checkParquetPages(
  path: string,
  file: AsyncBuffer,
  metadata: FileMetaData,
  column: string,
  perRow = 1,
): Promise<void> {
  for (const { columns, num_rows: rows } of metadata.row_groups) {
    for (const { meta_data: chunk } of columns) {
      if (chunk?.path_in_schema[0] !== column) continue;
      try {
        if (chunk.num_values !== rows * BigInt(perRow))
          throw new Error(`${chunk.num_values} values in ${rows} rows`);
        await checkChunk(file, chunk);
      } catch (error) {
        throw new DataError(
          `${path}: wanted complete pages in column ${chunk.path_in_schema.join(".")}, ` +
            `got ${(error as Error).message}; the file is truncated or corrupted: delete it and get it again`,
          { cause: error },
        );
      }
    }
  }
}

async function checkChunk(file: AsyncBuffer, chunk: ColumnMetaData): Promise<void> {
  let at = Number(chunk.dictionary_page_offset || chunk.data_page_offset);
  const end = at + Number(chunk.total_compressed_size);
  if (!(at >= 4) || !(end <= file.byteLength)) throw new Error(`a chunk from byte ${at} to ${end}`);
  let values = 0;
  while (at < end) {
    const header = await readHeader(file, at, end);
    at += header.bytes + header.packed;
    values += header.values;
    const bomb = header.unpacked > BOMB.bytes && header.unpacked > BOMB.ratio * header.packed;
    if (at > end || bomb || header.unpacked > MOST_PAGE_BYTES)
      throw new Error(`a page of ${header.unpacked} bytes`);
  }
  if (BigInt(values) !== chunk.num_values) throw new Error(`${values} values instead of ${chunk.num_values}`);
}

async function readHeader(file: AsyncBuffer, at: number, end: number): Promise<PageHeader> {
  for (let length = 256; ; length *= 16) {
    const stop = Math.min(end, at + length);
    const reader = { view: new DataView(await file.slice(at, stop)), offset: 0 };
    let fields: Record<`field_${number}`, unknown>;
    try {
      fields = deserializeTCompactProtocol(reader);
    } catch (error) {
      // Headers may carry long statistics: look further before giving up.
      if (stop === end || length >= MOST_HEADER_BYTES) throw error;
      continue;
    }
    const packed = count(fields.field_3);
    const data = fields.field_5 ?? fields.field_8;
    const values = data === undefined ? 0 : count((data as Record<`field_${number}`, unknown>).field_1);
    return { bytes: reader.offset, packed, unpacked: count(fields.field_2), values };
  }
}

function count(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw new Error(`the size ${String(value)} in a page header`);
}
