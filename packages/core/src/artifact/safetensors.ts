import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { DataError } from "../errors.ts";
import { fromBfloat16, fromFloat16, widenHalves } from "./half-float.ts";

/** Numbers of one tensor; the array type decides the stored dtype. */
export type SafetensorsData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** One named tensor: row-major values and their shape. */
export interface SafetensorsTensor {
  readonly shape: readonly number[];
  readonly data: SafetensorsData;
}

/** Content of a safetensors file. */
export interface SafetensorsFile {
  readonly tensors: Readonly<Record<string, SafetensorsTensor>>;
  /** The `__metadata__` string map. */
  readonly metadata: Readonly<Record<string, string>>;
}

interface Dtype {
  readonly bytes: number;
  readonly read: (buffer: ArrayBuffer) => SafetensorsData;
}

/** The dtypes that the suite reads; halves come as float32, `BOOL` is one byte, 0 or 1. Written are those of the arrays. */
const DTYPES: Readonly<Record<string, Dtype>> = {
  F64: { bytes: 8, read: (buffer) => new Float64Array(buffer) },
  I64: { bytes: 8, read: (buffer) => new BigInt64Array(buffer) },
  F32: { bytes: 4, read: (buffer) => new Float32Array(buffer) },
  F16: { bytes: 2, read: (buffer) => widenHalves(new Uint8Array(buffer), fromFloat16) },
  BF16: { bytes: 2, read: (buffer) => widenHalves(new Uint8Array(buffer), fromBfloat16) },
  I32: { bytes: 4, read: (buffer) => new Int32Array(buffer) },
  BOOL: { bytes: 1, read: (buffer) => new Uint8Array(buffer) },
  U8: { bytes: 1, read: (buffer) => new Uint8Array(buffer) },
};

/** The reference implementation's limit: a header larger than this is not a header. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Encodes tensors as a safetensors file: 8 bytes little-endian header length, a JSON header, then the tensors without
 * gaps, widest elements first so that each starts at a multiple of its element size.
 *
 * @see huggingface/safetensors, README, "Format".
 */
export function encodeSafetensors(file: SafetensorsFile): Uint8Array {
  const names = Object.keys(file.tensors).sort((a, b) => {
    const wider = file.tensors[b]!.data.BYTES_PER_ELEMENT - file.tensors[a]!.data.BYTES_PER_ELEMENT;
    return wider !== 0 ? wider : a < b ? -1 : 1;
  });
  const header: [string, unknown][] = [["__metadata__", file.metadata]];
  let offset = 0;
  for (const name of names) {
    const { shape, data } = file.tensors[name]!;
    const end = offset + data.byteLength;
    header.push([name, { dtype: dtypeOf(data), shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const text = JSON.stringify(Object.fromEntries(header));
  const json = Buffer.from(text);
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded + offset).fill(0x20, 8, 8 + padded);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, 8);
  let at = 8 + padded;
  for (const name of names) {
    const { data } = file.tensors[name]!;
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

function dtypeOf(data: SafetensorsData): string {
  if (data instanceof Float32Array) return "F32";
  if (data instanceof Float64Array) return "F64";
  if (data instanceof Int32Array) return "I32";
  if (data instanceof BigInt64Array) return "I64";
  return "U8";
}

/**
 * Reads a safetensors file after checking it whole: header length, JSON, dtypes, shapes, and that the tensors cover the
 * data part exactly once, without gap or overlap.
 *
 * @throws {DataError} if the file cannot be read or breaks the format.
 */
export function readSafetensors(path: string): SafetensorsFile {
  return decodeSafetensors(
    fromDisk(path, () => readFileSync(path)),
    path,
  );
}

/**
 * The metadata of a safetensors file, whose tensors are neither read nor checked.
 *
 * @throws {DataError} if the file cannot be read or has no header.
 */
export function readSafetensorsMetadata(path: string): SafetensorsFile["metadata"] {
  const fail = failureOf(path);
  const json = fromDisk(path, () => {
    const file = openSync(path, "r");
    try {
      const take = (length: number, position: number): Uint8Array => {
        const bytes = new Uint8Array(length);
        return bytes.subarray(0, readSync(file, bytes, 0, length, position));
      };
      return take(headerLength(take(8, 0), fstatSync(file).size, fail), 8);
    } finally {
      closeSync(file);
    }
  });
  return parseMetadata(parseHeader(json, fail)["__metadata__"], fail);
}

function fromDisk<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${path}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** As {@link readSafetensors}, from memory. @param where Names the bytes in messages. */
export function decodeSafetensors(bytes: Uint8Array, where: string): SafetensorsFile {
  const fail = failureOf(where);
  const headerBytes = headerLength(bytes, bytes.length, fail);
  const header = parseHeader(bytes.subarray(8, 8 + headerBytes), fail);
  const data = bytes.subarray(8 + headerBytes);
  const entries = Object.entries(header).filter(([name]) => name !== "__metadata__");
  const spans = entries.map(([name, entry]) => ({ name, ...parseEntry(name, entry, fail) }));
  spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { name, begin, end } of spans) {
    if (begin !== covered) {
      const fault = begin < covered ? "overlaps the one before it" : "leaves a gap before it";
      return fail(`tensor "${name}" begins at byte ${begin}, wanted ${covered}: it ${fault}`);
    }
    covered = end;
  }
  if (covered !== data.length) return fail(`tensors cover ${covered} bytes, the file has ${data.length}`);
  const tensors = spans.map(({ name, shape, dtype, begin, end }) => {
    const copy = new Uint8Array(end - begin);
    copy.set(data.subarray(begin, end));
    return [name, { shape, data: dtype.read(copy.buffer) }] as const;
  });
  return { tensors: Object.fromEntries(tensors), metadata: parseMetadata(header["__metadata__"], fail) };
}

type Fail = (what: string) => never;

function failureOf(where: string): Fail {
  return (what) => {
    throw new DataError(`${where}: ${what}; the file is damaged or not safetensors`);
  };
}

/** @param available Bytes of the whole file. */
function headerLength(bytes: Uint8Array, available: number, fail: Fail): number {
  if (bytes.length < 8) return fail(`wanted at least 8 bytes, got ${bytes.length}`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length <= MAX_HEADER_BYTES && length <= available - 8) return length;
  return fail(`the header claims ${length} bytes, the file has ${available - 8} after the length`);
}

function parseHeader(bytes: Uint8Array, fail: Fail): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return fail("the header is not JSON");
  }
  return isRecord(header) ? header : fail("the header is not a JSON object");
}

function parseEntry(name: string, entry: unknown, fail: Fail) {
  if (!isRecord(entry)) return fail(`tensor "${name}" has no description`);
  const { dtype: dtypeName, shape, data_offsets: offsets } = entry;
  const dtype = Object.hasOwn(DTYPES, String(dtypeName)) ? DTYPES[String(dtypeName)] : undefined;
  if (dtype === undefined) {
    const known = Object.keys(DTYPES).join(", ");
    return fail(`tensor "${name}" has dtype ${JSON.stringify(dtypeName)}, wanted one of ${known}`);
  }
  if (!isSizes(shape)) return fail(`tensor "${name}" has shape ${JSON.stringify(shape)}`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    return fail(`tensor "${name}" has data_offsets ${JSON.stringify(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  const wanted = shape.reduce((product, size) => product * size, dtype.bytes);
  if (end - begin !== wanted) {
    const form = `${String(dtypeName)} [${shape.join(", ")}]`;
    return fail(`tensor "${name}" ${form} needs ${wanted} bytes, its data_offsets span ${end - begin}`);
  }
  return { dtype, shape, begin, end };
}

function parseMetadata(value: unknown, fail: Fail): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === "string")) {
    return fail("__metadata__ is not a map of strings");
  }
  return value as Record<string, string>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
