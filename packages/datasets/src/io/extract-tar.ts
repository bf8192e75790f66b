import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { DataError, LimbeckError, RunError } from "@limbeck/core";
import { extract, type Header } from "tar-stream";
import { archivePathParts } from "./archive-path.ts";
import { errorText } from "./error-text.ts";

/** Limits against archives that unpack to far more than they should. */
export interface TarLimits {
  /** Most bytes of all files together. */
  readonly bytes: number;
  /** Most entries. */
  readonly entries: number;
}

/**
 * Unpack a .tar or .tar.gz into a new folder. Only plain files and folders inside it are taken: an entry that is
 * absolute, climbs out by `..`, or is a link or device refuses the whole archive. On any failure the folder is removed.
 *
 * @param folder Must not exist; its parents are made.
 * @throws {DataError} if the archive is truncated, damaged, hostile or larger than the limits.
 * @throws {RunError} if the folder cannot be written.
 */
export async function extractTar(archive: string, folder: string, limits: TarLimits): Promise<void> {
  try {
    await mkdir(dirname(folder), { recursive: true });
    await mkdir(folder);
  } catch (error) {
    throw new RunError(`${folder}: wanted to unpack ${archive} there, got "${errorText(error)}"`, {
      cause: error,
    });
  }
  try {
    await extractEntries(archive, folder, limits);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    if (error instanceof LimbeckError) throw error;
    throw new DataError(
      `${archive}: wanted a readable tar archive, got "${errorText(error)}"; ` +
        `it is truncated or corrupted: delete it and get it again`,
      { cause: error },
    );
  }
}

async function extractEntries(archive: string, folder: string, limits: TarLimits): Promise<void> {
  const compressed = await isGzip(archive);
  const entries = extract();
  const file = createReadStream(archive);
  const unpacked = compressed ? pipeline(file, createGunzip(), entries) : pipeline(file, entries);
  // Failures of the pipeline also end the iteration below; this keeps them from being reported as unhandled.
  unpacked.catch(() => {});
  let bytes = 0;
  let count = 0;
  for await (const entry of entries) {
    const { header } = entry;
    bytes += header.size;
    count++;
    if (bytes > limits.bytes || count > limits.entries) {
      throw new DataError(
        `${archive}: wanted at most ${limits.entries} entries of ${limits.bytes} bytes together, ` +
          `got more; the archive is not the expected one`,
      );
    }
    const path = targetOf(archive, folder, header);
    if (header.type === "directory") {
      await mkdir(path, { recursive: true });
      entry.resume();
    } else {
      await mkdir(dirname(path), { recursive: true });
      await pipeline(entry, createWriteStream(path, { flags: "wx", mode: 0o644 }));
    }
  }
  await unpacked;
}

function targetOf(archive: string, folder: string, header: Header): string {
  const { name, type } = header;
  if (type !== "file" && type !== "contiguous-file" && type !== "directory") {
    throw new DataError(
      `${archive}: wanted plain files and folders, got a ${type} named ${JSON.stringify(name)}; ` +
        `the archive is not to be trusted`,
    );
  }
  return join(folder, ...archivePathParts(archive, name));
}

async function isGzip(path: string): Promise<boolean> {
  const handle = await open(path, "r");
  try {
    const magic = new Uint8Array(2);
    await handle.read(magic, 0, 2, 0);
    return magic[0] === 0x1f && magic[1] === 0x8b;
  } finally {
    await handle.close();
  }
}
