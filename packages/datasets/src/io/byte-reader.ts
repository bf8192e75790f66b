import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { DataError } from "@limbeck/core";
import { errorText } from "./error-text.ts";

const EMPTY = new Uint8Array(0);
const CHUNK_BYTES = 1 << 20;

/**
 * Exact reads from a byte stream. What was asked for comes back whole, or a DataError names the file.
 * Nothing beyond the bytes asked for and one chunk is held, so a compressed bomb costs nothing.
 */
export class ByteReader {
  readonly name: string;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #hash: Hash;
  #chunk: Uint8Array = EMPTY;
  #offset = 0;
  #position = 0;

  /**
   * @param name What the stream is called in messages.
   */
  constructor(name: string, chunks: AsyncIterable<Uint8Array>) {
    this.name = name;
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#hash = createHash("md5");
  }

  /** Number of bytes read so far. */
  get position(): number {
    return this.#position;
  }

  /**
   * The next `length` bytes.
   * @throws {DataError} if fewer are left or the stream is damaged.
   */
  async read(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      if (!(await this.#fill())) {
        throw new DataError(
          `${this.name}: wanted at least ${this.#position + length} bytes, got ${this.#position + filled}; ` +
            `the file is truncated: delete it and get it again`,
        );
      }
      const part = this.#chunk.subarray(this.#offset, this.#offset + length - filled);
      bytes.set(part, filled);
      filled += part.length;
      this.#offset += part.length;
    }
    this.#position += length;
    this.#hash.update(bytes);
    return bytes;
  }

  /**
   * Check that nothing is left; a compressed stream checks its own sum here.
   * @throws {DataError} if bytes are left or the stream is damaged.
   */
  async end(): Promise<void> {
    if (await this.#fill()) {
      throw new DataError(
        `${this.name}: wanted ${this.#position} bytes, got more; ` +
          `the file does not match its own header: delete it and get it again`,
      );
    }
  }

  /**
   * Compare everything read with a published MD5 sum, if there is one. Call once, after {@link ByteReader.end}.
   * @throws {DataError} if they differ.
   */
  checkMd5(expected: string | undefined): void {
    if (expected === undefined) return;
    const got = this.#hash.digest("hex");
    if (got === expected) return;
    throw new DataError(
      `${this.name}: wanted content with MD5 ${expected}, got ${got}; ` +
        `the file is damaged or another one: delete it and get it again`,
    );
  }

  /** Release the underlying file. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #fill(): Promise<boolean> {
    while (this.#offset >= this.#chunk.length) {
      const next = await this.#next();
      if (next.done === true) return false;
      this.#chunk = next.value;
      this.#offset = 0;
    }
    return true;
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await this.#chunks.next();
    } catch (error) {
      if (error instanceof DataError) throw error;
      throw new DataError(
        `${this.name}: wanted a readable file, got "${errorText(error)}"; ` +
          `it is truncated or corrupted: delete it and get it again`,
        { cause: error },
      );
    }
  }
}

/**
 * Open a plain or gzip file (told apart by its first bytes, not its name).
 * @throws {DataError} if the file cannot be opened.
 */
export async function openByteReader(path: string): Promise<ByteReader> {
  const compressed = await startsWithGzipMagic(path);
  return new ByteReader(path, fileChunks(path, compressed));
}

async function* fileChunks(path: string, compressed: boolean): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  // The callback keeps pipeline from throwing: the error reaches the iteration below.
  const stream = compressed ? pipeline(file, createGunzip({ chunkSize: CHUNK_BYTES }), () => {}) : file;
  try {
    yield* stream as AsyncIterable<Uint8Array>;
  } finally {
    file.destroy();
  }
}

async function startsWithGzipMagic(path: string): Promise<boolean> {
  try {
    const handle = await open(path, "r");
    try {
      const magic = new Uint8Array(2);
      const { bytesRead } = await handle.read(magic, 0, 2, 0);
      return bytesRead === 2 && magic[0] === 0x1f && magic[1] === 0x8b;
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new DataError(`${path}: wanted a readable file, got "${errorText(error)}"`, { cause: error });
  }
}
