import { DataError } from "@limbeck/core";
import { ByteReader } from "./byte-reader.ts";
import type { ZipEntry } from "./zip-file.ts";

/** Images and numbers never shrink as far as this; what does is a bomb. Small entries are let through. */
const BOMB = { bytes: 1 << 26, ratio: 200 };

/**
 * A reader of one entry of an archive.
 * @throws {DataError} if the entry declares to be packed further than data can be.
 */
export function entryReader(path: string, entry: ZipEntry): ByteReader {
  if (entry.size > BOMB.bytes && entry.size > BOMB.ratio * entry.packed) {
    throw new DataError(
      `${path}: ${entry.name}: wanted an array packed at most ${BOMB.ratio} times, ` +
        `got ${entry.size} bytes in ${entry.packed}; the archive is not to be trusted`,
    );
  }
  return new ByteReader(`${path}: ${entry.name}`, entry.chunks());
}

/**
 * The whole content of one entry.
 * @throws {DataError} if it declares or has more than `most` bytes, or as {@link entryReader}.
 */
export async function readEntry(path: string, entry: ZipEntry, most: number): Promise<Uint8Array> {
  if (entry.size > most) {
    throw new DataError(`${path}: ${entry.name}: wanted at most ${most} bytes, got ${entry.size}`);
  }
  const reader = entryReader(path, entry);
  try {
    const bytes = await reader.read(entry.size);
    await reader.end();
    return bytes;
  } finally {
    await reader.close();
  }
}
