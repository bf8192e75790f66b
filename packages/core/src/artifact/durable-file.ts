import * as fs from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { LimbeckError, RunError } from "../errors.ts";

/** Ending of files that are still being written; a killed process may leave one behind, and nothing reads it. */
const PART_SUFFIX = ".part";

/** What a failed write means and what to do about it, by `errno` name. */
const CAUSES: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full; free some space and resume",
  EDQUOT: "the disk quota is used up; free some space and resume",
  EFBIG: "the file would pass the size limit of this process (ulimit -f); raise it and resume",
  EROFS: "the file system is read-only; choose another folder",
  EACCES: "permission is missing; choose another folder",
  EPERM: "permission is missing; choose another folder",
  EEXIST: "a file stands where a folder is wanted; choose another folder",
  ENOTDIR: "a part of the path is a file, not a folder; choose another folder",
  EMFILE: "too many files are open in this process (ulimit -n); raise the limit and resume",
};

/** Turns whatever a write threw into a {@link RunError} that names the path; errors of the suite pass unchanged. */
export function storageError(path: string, error: unknown): LimbeckError {
  if (error instanceof LimbeckError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const reason = CAUSES[code] ?? (error instanceof Error ? error.message : String(error));
  return new RunError(`${path}: could not be written${code === "" ? "" : ` (${code})`}: ${reason}`, {
    cause: error,
  });
}

/** Where this process writes what will be `path`. */
function partName(path: string): string {
  return `${path}.${hostname()}-${process.pid}${PART_SUFFIX}`;
}

/**
 * Writes a file so that at any moment, killed or not, the path holds the old content or the new, never a part:
 * written beside, flushed to the disk, renamed into place. Missing parent folders are made.
 *
 * @throws {RunError} if the disk is full or the path cannot be written; nothing is left behind.
 */
export function writeFileBeside(path: string, data: Uint8Array | string): void {
  const beside = partName(path);
  try {
    fs.mkdirSync(dirname(path), { recursive: true });
    writeFlushed(beside, data);
    fs.renameSync(beside, path);
    flushFolder(dirname(path));
  } catch (error) {
    removeQuietly(beside);
    throw storageError(path, error);
  }
}

/**
 * Fills a new folder beside `path` and renames it into place, so that a reader sees a whole folder or none.
 *
 * @param fill Writes the content into the folder it is given.
 * @throws {RunError} if `path` exists and is not an empty folder, or cannot be written; nothing is left behind.
 */
export async function createFolder(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const beside = partName(path);
  if (fs.existsSync(path) && !(fs.statSync(path).isDirectory() && fs.readdirSync(path).length === 0)) {
    throw new RunError(`${path}: wanted a new or empty folder, it has content; choose another or remove it`);
  }
  try {
    fs.rmSync(beside, { recursive: true, force: true });
    fs.mkdirSync(beside, { recursive: true });
    await fill(beside);
    fs.rmSync(path, { recursive: true, force: true });
    fs.renameSync(beside, path);
    flushFolder(dirname(path));
  } catch (error) {
    removeQuietly(beside);
    throw storageError(path, error);
  }
}

/** Names that {@link replaceFolder} uses while a folder changes, in the order in which a reader should try them. */
export function folderGenerations(path: string): readonly string[] {
  return [path, `${path}.new`, `${path}.old`];
}

/**
 * Replaces a folder by one with the given files. A non-empty folder cannot be replaced in one rename, so the order is:
 * write `path.new` and flush it, rename `path` to `path.old`, rename `path.new` to `path`, remove `path.old`.
 * Killed between any two of these, one of {@link folderGenerations} is whole.
 *
 * @throws {RunError} if the disk is full or the path cannot be written; then `path` still has its old content.
 */
export function replaceFolder(path: string, files: Readonly<Record<string, Uint8Array | string>>): void {
  const [, fresh, old] = folderGenerations(path) as [string, string, string];
  try {
    fs.mkdirSync(dirname(path), { recursive: true });
    // A kill between the two renames leaves no `path`: what stood in for it must not be removed before it has its place.
    if (!fs.existsSync(path) && fs.existsSync(old)) fs.renameSync(old, path);
    fs.rmSync(fresh, { recursive: true, force: true });
    fs.mkdirSync(fresh);
    for (const [name, data] of Object.entries(files)) writeFlushed(join(fresh, name), data);
    flushFolder(fresh);
  } catch (error) {
    removeQuietly(fresh);
    throw storageError(path, error);
  }
  try {
    fs.rmSync(old, { recursive: true, force: true });
    if (fs.existsSync(path)) fs.renameSync(path, old);
    fs.renameSync(fresh, path);
    flushFolder(dirname(path));
    fs.rmSync(old, { recursive: true, force: true });
  } catch (error) {
    throw storageError(path, error);
  }
}

/** Removes what killed processes left half-written in `folder`. Only for the holder of the folder's lock. */
export function removeParts(folder: string): void {
  for (const name of fs.readdirSync(folder)) {
    if (name.endsWith(PART_SUFFIX)) fs.rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/**
 * Removes what {@link writeFileBeside} left half-written beside `path` in processes of this machine that are gone. For folders that
 * several processes, or machines, share.
 */
export function removeOrphans(path: string, isGone: (pid: number) => boolean): void {
  const prefix = `${basename(path)}.${hostname()}-`;
  for (const name of fs.readdirSync(dirname(path))) {
    if (!name.startsWith(prefix) || !name.endsWith(PART_SUFFIX)) continue;
    if (isGone(Number(name.slice(prefix.length, -PART_SUFFIX.length))))
      removeQuietly(join(dirname(path), name));
  }
}

/** After a failed write: that it failed is what must be reported. */
function removeQuietly(path: string): void {
  try {
    fs.rmSync(path, { recursive: true, force: true });
  } catch {
    return;
  }
}

function writeFlushed(path: string, data: Uint8Array | string): void {
  const file = fs.openSync(path, "w");
  try {
    fs.writeFileSync(file, data);
    fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
}

/** Makes renames in a folder survive a power cut. Windows has no such call and needs none. */
export function flushFolder(path: string): void {
  if (process.platform === "win32") return;
  const folder = fs.openSync(basename(path) === path ? `./${path}` : path, "r");
  try {
    fs.fsyncSync(folder);
  } finally {
    fs.closeSync(folder);
  }
}
