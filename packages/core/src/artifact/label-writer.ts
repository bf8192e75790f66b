import * as fs from "node:fs";
import { dirname } from "node:path";
import { RunError } from "../errors.ts";
import { hashBytes, recordsLength, type ViewsHeader } from "../synthetic/view-labels.ts";
import { flushFolder, storageError } from "./durable-file.ts";
import { fileBytes, UNKNOWN_HASH, viewsPrefix } from "./label-file.ts";

/** A file of labels in the making; what it does not hold yet is not in memory either. */
export interface LabelWriter {
  /** Bytes of records that an earlier, unfinished writing left: all of them from the first on. */
  readonly found: number;
  /**
   * Puts records at their place. In order: what lies between is taken for written when a later process goes on.
   *
   * @throws {RunError} if the disk is full; what was written before stays.
   */
  write(offset: number, records: Uint8Array): void;
  /** Checks the length, adds the checksum, and gives the file its name. @throws {RunError} if records are missing. */
  finish(): void;
  /** Leaves what there is to a later process. */
  close(): void;
}

/** Where labels grow that will be `path`. */
function unfinishedName(path: string): string {
  return `${path}.unfinished`;
}

/**
 * Begins a file of labels of views, or goes on with one that was begun for the same header. Until `finish` it lies beside, as
 * `path.unfinished`; `path` holds the old content or the new, never a part.
 *
 * @throws {RunError} if unfinished labels of another header are there, or the path cannot be written.
 */
export function openLabelWriter(path: string, header: ViewsHeader): LabelWriter {
  const beside = unfinishedName(path);
  const prefix = viewsPrefix(header, UNKNOWN_HASH);
  const wanted = recordsLength(header);
  const guarded = <T>(use: () => T): T => {
    try {
      return use();
    } catch (error) {
      throw storageError(beside, error);
    }
  };
  const file = guarded(() => {
    fs.mkdirSync(dirname(path), { recursive: true });
    return fs.openSync(beside, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o666);
  });
  let isOpen = true;
  const close = (): void => {
    if (isOpen) fs.closeSync(file);
    isOpen = false;
  };
  let found: number;
  try {
    found = guarded(() => recordsThere(file, prefix, beside));
    if (found === 0) guarded(() => writeAt(file, prefix, 0));
  } catch (error) {
    close();
    throw error;
  }
  return {
    found: Math.min(found, wanted),
    write: (offset, records) => guarded(() => writeAt(file, records, prefix.length + offset)),
    finish() {
      const source = fileBytes(beside);
      const got = source.byteLength - prefix.length;
      if (got !== wanted) {
        throw new RunError(`${beside}: wanted ${wanted} bytes of records, got ${got}; label the set again`);
      }
      const sha256 = hashBytes({
        byteLength: wanted,
        read: (offset, length) => source.read(prefix.length + offset, length),
      });
      guarded(() => {
        writeAt(file, viewsPrefix(header, sha256), 0);
        fs.fsyncSync(file);
        close();
        fs.renameSync(beside, path);
        flushFolder(dirname(path));
      });
    },
    close,
  };
}

/** Bytes of records after a prefix that is the wanted one; none in a file that is shorter than it. */
function recordsThere(file: number, prefix: Buffer, name: string): number {
  const { size } = fs.fstatSync(file);
  if (size < prefix.length) return 0;
  const there = Buffer.alloc(prefix.length);
  fs.readSync(file, there, 0, there.length, 0);
  // A process that was killed in `finish` may have put the checksum there.
  there.write(UNKNOWN_HASH, prefix.indexOf(UNKNOWN_HASH));
  if (there.equals(prefix)) return size - prefix.length;
  throw new RunError(
    `${name}: holds unfinished labels of another set, teacher, form or seed; finish them by the command that began them, choose another path, or remove the file`,
  );
}

function writeAt(file: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) {
    done += fs.writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}
