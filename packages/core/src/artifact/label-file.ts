import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { z } from "zod";
import { DataError } from "../errors.ts";
import {
  hashBytes,
  memoryBytes,
  recordsLength,
  type ByteSource,
  type StoredProjector,
  type StoredViews,
  type ViewsHeader,
} from "../synthetic/view-labels.ts";
import { writeFileBeside } from "./durable-file.ts";

/** Labels that are kept apart from the images they belong to. */
export type StoredLabels =
  | { readonly kind: "views"; readonly views: StoredViews }
  | { readonly kind: "projector"; readonly projector: StoredProjector };

const MAGIC = "LIMBECKL";
const VERSION = 1;
/** Magic, version and the header's length, 4 bytes each. */
const PREFIX = 16;
/** Larger is not a header. */
const MAX_HEADER = 1 << 24;

const codecSchema = z.union([
  z.strictObject({ kind: z.enum(["float32", "float16", "int8", "int4"]) }),
  z.strictObject({
    kind: z.literal("top"),
    count: z.int().min(1),
    rest: z.enum(["none", "minimum", "even"]),
  }),
]);
const planSchema = z.strictObject({
  size: z.int().min(1),
  batchSize: z.int().min(1),
  epochs: z.int().min(1),
  seed: z.int(),
  augmentation: z.string(),
  mixing: z
    .strictObject({ kind: z.enum(["mixup", "cutmix"]), alpha: z.number(), probability: z.number() })
    .exactOptional(),
});
const owner = { images: z.string(), teacher: z.string(), classes: z.int().min(1), sha256: z.string() };
const headerSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("views"),
    ...owner,
    codec: codecSchema,
    views: z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("static"), size: z.int().min(1) }),
      z.strictObject({
        kind: z.literal("augmented"),
        plan: planSchema,
        stored: z.strictObject({ count: z.int().min(1), draw: z.enum(["order", "batches", "epochs"]) }),
      }),
    ]),
  }),
  z.strictObject({
    kind: z.literal("projector"),
    ...owner,
    bytes: z.int().min(0),
    model: z.record(z.string(), z.unknown()),
  }),
]);

/** What a header says of records that are still to come; as long as any hash. */
export const UNKNOWN_HASH = "0".repeat(64);

/** What stands before the records in a file of labels of views; its length depends on the header alone. */
export function viewsPrefix(header: ViewsHeader, sha256: string): Buffer {
  return filePrefix({ kind: "views", ...header, sha256 });
}

function labelsPrefix(labels: StoredLabels, sha256: string): Buffer {
  if (labels.kind === "views") return viewsPrefix(labels.views.header, sha256);
  const { header, records } = labels.projector;
  return filePrefix({ kind: labels.kind, ...header, sha256, bytes: records.byteLength });
}

function filePrefix(described: Readonly<Record<string, unknown>>): Buffer {
  const text = Buffer.from(JSON.stringify(described));
  const prefix = Buffer.alloc(PREFIX + Math.ceil(text.length / 8) * 8, " ");
  prefix.write(MAGIC, 0, "latin1");
  prefix.writeUInt32LE(VERSION, 8);
  prefix.writeUInt32LE(prefix.length - PREFIX, 12);
  text.copy(prefix, PREFIX);
  return prefix;
}

/**
 * Labels as one block: `LIMBECKL`, version and length of the header (uint32 each), the header as JSON padded with spaces to a multiple
 * of 8, then the records without anything between, so that the place of any of them follows from its number.
 */
export function encodeLabels(labels: StoredLabels): Uint8Array {
  const records = recordsOf(labels);
  return Buffer.concat([labelsPrefix(labels, hashBytes(records)), records.read(0, records.byteLength)]);
}

/** Bytes of {@link encodeLabels}, which is the file's size, without making them. */
export function encodedLabelBytes(labels: StoredLabels): number {
  return labelsPrefix(labels, UNKNOWN_HASH).length + recordsOf(labels).byteLength;
}

function recordsOf(labels: StoredLabels): ByteSource {
  return (labels.kind === "views" ? labels.views : labels.projector).records;
}

/**
 * Reads what {@link encodeLabels} wrote.
 *
 * @param where Names the bytes in messages.
 * @throws {DataError} if they are truncated, damaged, of a newer version or not labels.
 */
export function decodeLabels(bytes: Uint8Array, where: string): StoredLabels {
  return parseLabels(memoryBytes(bytes), where, true);
}

/** Writes labels as a file of their own. @throws {RunError} if the disk is full or the path cannot be written. */
export function writeLabels(path: string, labels: StoredLabels): void {
  writeFileBeside(path, encodeLabels(labels));
}

/**
 * Opens a label file without reading its records: each batch is then one read at its place, so that files larger than memory work.
 *
 * @param verify Reads the whole file once to compare its checksum. Default true.
 * @throws {DataError} as {@link decodeLabels}.
 */
export function openLabels(
  path: string,
  { verify = true }: { readonly verify?: boolean } = {},
): StoredLabels {
  return parseLabels(fileBytes(path), path, verify);
}

/** A file as a source; it is open only while it is read. */
export function fileBytes(path: string): ByteSource {
  const reading = <T>(use: (file: number) => T): T => {
    let file: number;
    try {
      file = openSync(path, "r");
    } catch (error) {
      throw new DataError(`${path}: cannot be read: ${(error as Error).message}`, { cause: error });
    }
    try {
      return use(file);
    } finally {
      closeSync(file);
    }
  };
  return {
    byteLength: reading((file) => fstatSync(file).size),
    read: (offset, length) =>
      reading((file) => {
        const bytes = new Uint8Array(length);
        const got = readSync(file, bytes, 0, length, offset);
        if (got === length) return bytes;
        throw new DataError(`${path}: wanted ${length} bytes at ${offset}, got ${got}; the file has changed`);
      }),
  };
}

function parseLabels(source: ByteSource, where: string, verify: boolean): StoredLabels {
  const fail = (what: string, cause?: unknown): never => {
    throw new DataError(`${where}: ${what}`, { cause });
  };
  if (source.byteLength < PREFIX) return fail(`wanted a label file, got ${source.byteLength} bytes`);
  const prefix = Buffer.from(source.read(0, PREFIX));
  if (prefix.toString("latin1", 0, MAGIC.length) !== MAGIC) {
    return fail("wanted a label file, got something else; check the path");
  }
  const version = prefix.readUInt32LE(8);
  if (version > VERSION) {
    return fail(`the labels have version ${version}, this version reads up to ${VERSION}; update Limbeck`);
  }
  const headerBytes = prefix.readUInt32LE(12);
  if (headerBytes > MAX_HEADER || PREFIX + headerBytes > source.byteLength) {
    return fail(
      `the header claims ${headerBytes} bytes, the file has ${source.byteLength - PREFIX} after it`,
    );
  }
  const header = parseHeader(Buffer.from(source.read(PREFIX, headerBytes)).toString("utf8"), fail);
  const begin = PREFIX + headerBytes;
  const records: ByteSource = {
    byteLength: source.byteLength - begin,
    read: (offset, length) => source.read(begin + offset, length),
  };
  const { sha256, ...rest } = header;
  const wanted = rest.kind === "views" ? recordsLength(rest) : rest.bytes;
  if (records.byteLength !== wanted) {
    const fault = records.byteLength < wanted ? "truncated" : "too long";
    return fail(
      `the records are ${fault}: wanted ${wanted} bytes, got ${records.byteLength}; label the set again`,
    );
  }
  if (verify && hashBytes(records) !== sha256) {
    return fail("wrong checksum: the records were damaged or changed; label the set again");
  }
  if (rest.kind === "views") {
    const { kind, ...own } = rest;
    return { kind, views: { header: own, records } };
  }
  const { kind, bytes: _bytes, ...own } = rest;
  return { kind, projector: { header: own, records } };
}

function parseHeader(
  text: string,
  fail: (what: string, cause?: unknown) => never,
): z.output<typeof headerSchema> {
  try {
    return headerSchema.parse(JSON.parse(text));
  } catch (error) {
    return fail("the header does not describe labels; the file is damaged", error);
  }
}
