import { createReadStream } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream";
import { crc32, createInflateRaw } from "node:zlib";
import { DataError } from "@limbeck/core";
import { archivePathParts } from "./archive-path.ts";
import { errorText } from "./error-text.ts";

/** One file of a zip archive. Nothing of it is read before it is asked for. */
export interface ZipEntry {
  readonly name: string;
  /** Uncompressed bytes as declared; a stream that gives another number fails. */
  readonly size: number;
  /** Bytes in the archive. */
  readonly packed: number;
  /** Uncompressed content in chunks, checked against size and CRC-32. */
  chunks(): AsyncGenerator<Uint8Array>;
}

const END = { signature: 0x06054b50, bytes: 22 };
const END64 = { signature: 0x06064b50, bytes: 56 };
const END64_LOCATOR = { signature: 0x07064b50, bytes: 20 };
const CENTRAL = { signature: 0x02014b50, bytes: 46 };
const LOCAL = { signature: 0x04034b50, bytes: 30 };
const LONGEST_COMMENT = 0xffff;
const MOST_DIRECTORY_BYTES = 2 ** 28;
const STORED = 0;
const DEFLATED = 8;

/**
 * List the files of a zip archive (with zip64) from its central directory. Content streams from disk, so an archive
 * larger than memory works, and a bomb stops at its declared size.
 *
 * @throws {DataError} if the archive is truncated or damaged, an entry is encrypted, packed by something other than
 *   deflate, or named to leave its folder.
 */
export async function openZip(path: string): Promise<readonly ZipEntry[]> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const { size } = await handle.stat();
    const { offset, bytes, entries } = await findDirectory(handle, size);
    if (bytes > MOST_DIRECTORY_BYTES) throw new Error(`a directory of ${bytes} bytes`);
    return parseDirectory(path, await readAt(handle, offset, bytes), entries);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      `${path}: wanted a complete zip archive, got "${errorText(error)}"; ` +
        `it is truncated or corrupted: delete it and get it again`,
      { cause: error },
    );
  } finally {
    await handle?.close();
  }
}

async function findDirectory(
  handle: FileHandle,
  size: number,
): Promise<{ offset: number; bytes: number; entries: number }> {
  const tailBytes = Math.min(size, END.bytes + LONGEST_COMMENT);
  const tail = await readAt(handle, size - tailBytes, tailBytes);
  for (let at = tail.length - END.bytes; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END.signature) continue;
    const directory = {
      entries: tail.readUInt16LE(at + 10),
      bytes: tail.readUInt32LE(at + 12),
      offset: tail.readUInt32LE(at + 16),
    };
    if (directory.entries !== 0xffff && directory.bytes !== 0xffffffff && directory.offset !== 0xffffffff) {
      return directory;
    }
    return findDirectory64(handle, size - tailBytes + at - END64_LOCATOR.bytes);
  }
  throw new Error("no end of the archive");
}

async function findDirectory64(
  handle: FileHandle,
  locatorAt: number,
): Promise<{ offset: number; bytes: number; entries: number }> {
  const locator = await readAt(handle, locatorAt, END64_LOCATOR.bytes);
  if (locator.readUInt32LE(0) !== END64_LOCATOR.signature) throw new Error("no zip64 locator");
  const end = await readAt(handle, safeNumber(locator.readBigUInt64LE(8)), END64.bytes);
  if (end.readUInt32LE(0) !== END64.signature) throw new Error("no zip64 end");
  return {
    entries: safeNumber(end.readBigUInt64LE(32)),
    bytes: safeNumber(end.readBigUInt64LE(40)),
    offset: safeNumber(end.readBigUInt64LE(48)),
  };
}

function parseDirectory(path: string, directory: Buffer, count: number): ZipEntry[] {
  const entries: ZipEntry[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL.bytes > directory.length) throw new Error("a directory that ends early");
    if (directory.readUInt32LE(at) !== CENTRAL.signature) throw new Error("a damaged directory");
    const flags = directory.readUInt16LE(at + 8);
    const method = directory.readUInt16LE(at + 10);
    const crc = directory.readUInt32LE(at + 16);
    const nameBytes = directory.readUInt16LE(at + 28);
    const extraBytes = directory.readUInt16LE(at + 30);
    const commentBytes = directory.readUInt16LE(at + 32);
    const nameAt = at + CENTRAL.bytes;
    const extra = directory.subarray(nameAt + nameBytes, nameAt + nameBytes + extraBytes);
    const { size, packed, offset } = entrySizes(
      directory.readUInt32LE(at + 24),
      directory.readUInt32LE(at + 20),
      directory.readUInt32LE(at + 42),
      extra,
    );
    const name = directory.toString("utf8", nameAt, nameAt + nameBytes);
    at = nameAt + nameBytes + extraBytes + commentBytes;
    if (at > directory.length) throw new Error("a directory that ends early");
    const parts = archivePathParts(path, name);
    if (name.endsWith("/")) continue;
    if ((flags & 1) !== 0 || (method !== STORED && method !== DEFLATED)) {
      throw new DataError(
        `${path}: wanted stored or deflated entries, got ${name} encrypted or by method ${method}`,
      );
    }
    entries.push({
      name: parts.join("/"),
      size,
      packed,
      chunks: () => entryChunks({ path, name, size, packed, offset, crc, method }),
    });
  }
  return entries;
}

function entrySizes(
  size: number,
  packed: number,
  offset: number,
  extra: Buffer,
): { size: number; packed: number; offset: number } {
  for (let at = 0; at + 4 <= extra.length;) {
    const id = extra.readUInt16LE(at);
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (id === 1) {
      let field = at + 4;
      const next = (value: number): number => {
        if (value !== 0xffffffff) return value;
        if (field + 8 > end) throw new Error("a damaged zip64 field");
        field += 8;
        return safeNumber(extra.readBigUInt64LE(field - 8));
      };
      return { size: next(size), packed: next(packed), offset: next(offset) };
    }
    at = end;
  }
  return { size, packed, offset };
}

interface Located {
  readonly path: string;
  readonly name: string;
  readonly size: number;
  readonly packed: number;
  readonly offset: number;
  readonly crc: number;
  readonly method: number;
}

async function* entryChunks(entry: Located): AsyncGenerator<Uint8Array> {
  const where = `${entry.path}: ${entry.name}`;
  let size = 0;
  let crc = 0;
  try {
    for await (const chunk of packedStream(entry, await contentStart(entry))) {
      size += chunk.length;
      if (size > entry.size) {
        throw new DataError(
          `${where}: wanted ${entry.size} bytes as declared, got more; the archive is not to be trusted`,
        );
      }
      crc = crc32(chunk, crc);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      `${where}: wanted readable content, got "${errorText(error)}"; ` +
        `the archive is truncated or corrupted: delete it and get it again`,
      { cause: error },
    );
  }
  if (size !== entry.size || crc !== entry.crc) {
    throw new DataError(
      `${where}: wanted ${entry.size} bytes with CRC ${hex(entry.crc)}, got ${size} with ${hex(crc)}; ` +
        `the archive is truncated or corrupted: delete it and get it again`,
    );
  }
}

async function contentStart({ path, offset }: Located): Promise<number> {
  const handle = await open(path, "r");
  try {
    const local = await readAt(handle, offset, LOCAL.bytes);
    if (local.readUInt32LE(0) !== LOCAL.signature) throw new Error("no entry where the directory says");
    return offset + LOCAL.bytes + local.readUInt16LE(26) + local.readUInt16LE(28);
  } finally {
    await handle.close();
  }
}

async function* packedStream({ path, packed, method }: Located, start: number): AsyncGenerator<Uint8Array> {
  if (packed === 0) return;
  const file = createReadStream(path, { start, end: start + packed - 1, highWaterMark: 1 << 18 });
  const stream =
    method === DEFLATED ? pipeline(file, createInflateRaw({ chunkSize: 1 << 18 }), () => {}) : file;
  try {
    yield* stream as AsyncIterable<Uint8Array>;
  } finally {
    stream.destroy();
    file.destroy();
  }
}

async function readAt(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  if (offset < 0) throw new Error("a file that is too short");
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length, offset);
  if (bytesRead < length) throw new Error("a file that is too short");
  return bytes;
}

function safeNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`a size of ${value}`);
  return Number(value);
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}
