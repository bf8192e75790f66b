import { DataError, fromFloat16 } from "@limbeck/core";
import type { ByteReader } from "../io/byte-reader.ts";

/** Integer types that are read. */
const integerTypes = {
  "|u1": { bytes: 1, read: (view: DataView, at: number) => view.getUint8(at) },
  "|i1": { bytes: 1, read: (view: DataView, at: number) => view.getInt8(at) },
  "|b1": { bytes: 1, read: (view: DataView, at: number) => view.getUint8(at) },
  "<u2": { bytes: 2, read: (view: DataView, at: number) => view.getUint16(at, true) },
  "<i2": { bytes: 2, read: (view: DataView, at: number) => view.getInt16(at, true) },
  "<u4": { bytes: 4, read: (view: DataView, at: number) => view.getUint32(at, true) },
  "<i4": { bytes: 4, read: (view: DataView, at: number) => view.getInt32(at, true) },
  "<u8": { bytes: 8, read: (view: DataView, at: number) => Number(view.getBigUint64(at, true)) },
  "<i8": { bytes: 8, read: (view: DataView, at: number) => Number(view.getBigInt64(at, true)) },
} as const;

/** Element types that are read; all else, pickled objects above all, is refused. */
const itemTypes = {
  ...integerTypes,
  "<f2": { bytes: 2, read: (view: DataView, at: number) => fromFloat16(view.getUint16(at, true)) },
  "<f4": { bytes: 4, read: (view: DataView, at: number) => view.getFloat32(at, true) },
  "<f8": { bytes: 8, read: (view: DataView, at: number) => view.getFloat64(at, true) },
} as const;

/** Header of a .npy array. */
export interface NpyHeader {
  readonly type: keyof typeof itemTypes;
  readonly shape: readonly number[];
  /** Bytes of the whole array, without the header. */
  readonly bytes: number;
}

const MAGIC = "\x93NUMPY";
/** NumPy itself refuses longer ones. */
const LONGEST_HEADER = 10_000;
const MOST_DIMENSIONS = 8;

/**
 * Read the header of a .npy stream: a magic, a version, and a Python dictionary literal of three known keys, which is
 * matched by patterns and never evaluated.
 *
 * @param entryBytes Size of the whole entry; an array that its header makes larger or smaller than that is refused.
 * @param floats Whether floats are wanted too.
 * @throws {DataError} if it is not .npy, holds objects (or floats, unwanted), is in Fortran order, or its sizes do not add up.
 */
export async function readNpyHeader(
  reader: ByteReader,
  entryBytes: number,
  floats = false,
): Promise<NpyHeader> {
  const start = Buffer.from(await reader.read(8));
  const [major] = start.subarray(6);
  if (start.toString("latin1", 0, 6) !== MAGIC || major === undefined || major < 1 || major > 3) {
    throw new DataError(
      `${reader.name}: wanted a .npy array, got ${JSON.stringify(start.toString("latin1"))}`,
    );
  }
  const lengthBytes = Buffer.from(await reader.read(major === 1 ? 2 : 4));
  const length = lengthBytes.readUIntLE(0, lengthBytes.length);
  if (length > LONGEST_HEADER) {
    throw new DataError(`${reader.name}: wanted a header of at most ${LONGEST_HEADER} bytes, got ${length}`);
  }
  const text = Buffer.from(await reader.read(length)).toString("latin1");
  const header = parseDictionary(reader.name, text, floats);
  const total = reader.position + header.bytes;
  if (total !== entryBytes) {
    throw new DataError(
      `${reader.name}: wanted ${total} bytes for type ${header.type} and shape [${header.shape.join(",")}], ` +
        `got ${entryBytes}; the header does not fit the data`,
    );
  }
  return header;
}

/** Elements of an array as numbers. */
export function npyNumbers(type: NpyHeader["type"], bytes: Uint8Array): Float64Array {
  const { bytes: size, read } = itemTypes[type];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from({ length: bytes.length / size }, (_, i) => read(view, i * size));
}

/** Elements of an array, bytes and float32 as they are, all else as float64. */
export function npyArray(
  type: NpyHeader["type"],
  bytes: Uint8Array,
): Uint8Array | Float32Array | Float64Array {
  if (type === "|u1") return bytes;
  const numbers = npyNumbers(type, bytes);
  return type === "<f4" ? Float32Array.from(numbers) : numbers;
}

function parseDictionary(where: string, text: string, floats: boolean): NpyHeader {
  const body = /^\{(.*)\}\s*$/s.exec(text)?.[1];
  const type = field(body, /(?:^|,)\s*'descr'\s*:\s*'([^']*)'/);
  const order = field(body, /(?:^|,)\s*'fortran_order'\s*:\s*(True|False)/);
  const dimensions = field(body, /(?:^|,)\s*'shape'\s*:\s*\(([\d\s,]*)\)/);
  if (type === undefined || order === undefined || dimensions === undefined) {
    throw new DataError(
      `${where}: wanted a header with descr, fortran_order and shape, got ${JSON.stringify(text)}`,
    );
  }
  const allowed = floats ? itemTypes : integerTypes;
  if (!Object.hasOwn(allowed, type)) {
    const known = Object.keys(allowed).join(" ");
    throw new DataError(
      `${where}: wanted ${floats ? "numbers" : "integers"} (${known}), got type ${JSON.stringify(type)}`,
    );
  }
  if (order === "True")
    throw new DataError(`${where}: wanted C order, got Fortran order; save a copy in C order`);
  const shape = dimensions
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(Number);
  const known = type as NpyHeader["type"];
  const bytes = shape.reduce((product, size) => product * size, itemTypes[known].bytes);
  if (shape.length > MOST_DIMENSIONS || !shape.every(Number.isSafeInteger) || !Number.isSafeInteger(bytes)) {
    throw new DataError(`${where}: wanted a sensible shape, got [${shape.join(",")}]`);
  }
  return { type: known, shape, bytes };
}

function field(body: string | undefined, pattern: RegExp): string | undefined {
  return body === undefined ? undefined : pattern.exec(body)?.[1];
}
