import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { DataError } from "@limbeck/core";
import { errorText } from "../io/error-text.ts";

/** A file that a data set is decoded from. */
export interface SourceFile {
  /** Name within the source, stable over machines. */
  readonly name: string;
  readonly path: string;
  /** Published SHA-256, checked at every opening. */
  readonly sha256?: string;
}

/** Sources above these are told apart by size and modification time instead of their bytes. */
const MOST_HASHED = { bytes: 2 ** 30, files: 2000 };

/**
 * Identity of source files: name and SHA-256 of each; where all together are above 1 GiB or
 * 2,000 files, name, size and modification time. A changed file gives another identity, so a cache never outlives its source.
 *
 * @throws {DataError} if a file cannot be read or differs from its published sum.
 */
export async function sourceIdentity(files: readonly SourceFile[]): Promise<string> {
  const stats = files.map(({ path }) => reading(path, () => statSync(path)));
  const bytes = stats.reduce((sum, { size }) => sum + size, 0);
  const hashed = bytes <= MOST_HASHED.bytes && files.length <= MOST_HASHED.files;
  const identity = createHash("sha256");
  for (const [i, file] of files.entries()) {
    const { size, mtimeMs } = stats[i]!;
    const content = hashed || file.sha256 !== undefined ? await fileDigest(file.path, "sha256") : undefined;
    if (file.sha256 !== undefined && content !== file.sha256) {
      throw new DataError(
        `${file.path}: wanted SHA-256 ${file.sha256}, got ${content}; ` +
          `the file is damaged or another one: delete it and get it again`,
      );
    }
    identity.update(JSON.stringify([file.name, content ?? [size, mtimeMs]]));
  }
  return identity.digest("hex");
}

/**
 * Hexadecimal digest of a file, read in chunks.
 * @throws {DataError} if it cannot be read.
 */
export async function fileDigest(path: string, algorithm: "md5" | "sha256"): Promise<string> {
  const hash = createHash(algorithm);
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
      hash.update(chunk as Buffer);
  } catch (error) {
    throw unreadable(path, error);
  }
  return hash.digest("hex");
}

function reading<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): DataError {
  return new DataError(`${path}: wanted a readable file, got "${errorText(error)}"`, { cause: error });
}
