import { readFileSync } from "node:fs";
import * as arrow from "apache-arrow";
import { DataError } from "../errors.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { validateSyntheticSet } from "../synthetic/validate-set.ts";
import { decodeLabels } from "./label-file.ts";
import { checkSeal } from "./seal.ts";
import {
  assembleSet,
  damagedSet,
  DESCRIPTION_KEY,
  LABELS_COLUMN,
  readDescription,
  ZCA_COLUMNS,
  type SetArrays,
  type SetDescription,
} from "./set-format.ts";

const MAGIC = "ARROW1";

/**
 * Reads a `set.arrow`; floats come back with the bits they were written with.
 *
 * @throws {DataError} if the file is missing, truncated, not Arrow, not a synthetic set, of a newer version, or its
 *   content does not match its checksum.
 */
export function readSet(path: string): SyntheticSet {
  const table = readTable(path);
  const description = readDescription(path, table.schema.metadata.get(DESCRIPTION_KEY) ?? "");
  const set = assembleSet(description, readArrays(path, table, description));
  validateSyntheticSet(set, path);
  return set;
}

function readTable(path: string): arrow.Table {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new DataError(`${path}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
  if (bytes.toString("latin1", 0, MAGIC.length) !== MAGIC.slice(0, bytes.length)) {
    throw new DataError(
      `${path}: wanted a synthetic set (an Arrow IPC file), got something else; check the path`,
    );
  }
  if (bytes.length < 20 || bytes.toString("latin1", bytes.length - MAGIC.length) !== MAGIC) {
    throw new DataError(
      `${path}: the file is truncated at ${bytes.length} bytes: the Arrow footer is missing; copy or distil it again`,
    );
  }
  const seal = checkSeal(bytes);
  if (seal === "none") {
    throw new DataError(
      `${path}: wanted a synthetic set, got an Arrow file without its seal; it was not written by Limbeck`,
    );
  }
  if (seal === "broken") {
    throw new DataError(`${path}: wrong checksum: the file was damaged or changed; copy or distil it again`);
  }
  try {
    return arrow.tableFromIPC(bytes);
  } catch (error) {
    throw damagedSet(path, (error as Error).message, error);
  }
}

function readArrays(path: string, table: arrow.Table, description: SetDescription): SetArrays {
  try {
    const { size, shape, classes, labels, normalisation } = description;
    const images = floats(table, "image", size * shape[0] * shape[1] * shape[2]);
    const values =
      labels.kind === "soft" ? floats(table, "label", size * classes.length) : ints(table, "label", size);
    const pngs = binaries(table, "png", size).map((png) => png ?? new Uint8Array());
    const isStored = labels.kind === "views" || labels.kind === "projector";
    const block = isStored ? (binaries(table, LABELS_COLUMN, size)[0] ?? new Uint8Array()) : undefined;
    const stored = block === undefined ? {} : { stored: decodeLabels(block, path) };
    if (normalisation.kind !== "zca") return { images, labels: values, pngs, ...stored };
    const zcaPart = (column: string) => asFloats(binaries(table, column, size)[0] ?? new Uint8Array());
    const zca = {
      kind: "zca" as const,
      mean: zcaPart(ZCA_COLUMNS.mean),
      whiten: zcaPart(ZCA_COLUMNS.whiten),
      unwhiten: zcaPart(ZCA_COLUMNS.unwhiten),
    };
    return { images, labels: values, pngs, zca, ...stored };
  } catch (error) {
    throw damagedSet(path, (error as Error).message, error);
  }
}

/** The one chunk of a column; sets are written as a single record batch. */
function chunk(table: arrow.Table, name: string): arrow.Data {
  const data: readonly arrow.Data[] | undefined = table.getChild(name)?.data;
  if (data?.length !== 1) throw new Error(`column "${name}" has ${data?.length ?? 0} chunks, wanted 1`);
  return data[0]!;
}

function floats(table: arrow.Table, name: string, length: number): Float32Array {
  const values: unknown = chunk(table, name).children[0]?.values;
  if (!(values instanceof Float32Array) || values.length < length) {
    throw new Error(`column "${name}" does not hold ${length} float32 values`);
  }
  return values.slice(0, length);
}

function ints(table: arrow.Table, name: string, length: number): Int32Array {
  const values: unknown = chunk(table, name).values;
  if (!(values instanceof Int32Array) || values.length < length) {
    throw new Error(`column "${name}" does not hold ${length} int32 values`);
  }
  return values.slice(0, length);
}

function binaries(table: arrow.Table, name: string, size: number): (Uint8Array | null)[] {
  const data = chunk(table, name);
  if (data.length !== size) throw new Error(`column "${name}" has ${data.length} rows, wanted ${size}`);
  const vector = arrow.makeVector(data);
  return Array.from({ length: size }, (_, i) => vector.get(i) as Uint8Array | null);
}

function asFloats(bytes: Uint8Array): Float32Array {
  if (bytes.length % 4 !== 0) throw new Error(`a ZCA array has ${bytes.length} bytes, not a multiple of 4`);
  return new Float32Array(bytes.slice().buffer);
}
