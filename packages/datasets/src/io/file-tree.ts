import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "@limbeck/core";
import type { SourceFile } from "../cache/source-identity.ts";
import { errorText } from "./error-text.ts";
import { openZip, type ZipEntry } from "./zip-file.ts";

/** A file below a root. */
export interface TreeFile {
  /** Path from the root, parts joined by `/`. */
  readonly path: string;
  /** Full name for messages. */
  readonly where: string;
  read(): Promise<Uint8Array>;
}

/** Files and folders below a root, sorted by path (by code unit, on every machine alike). */
export interface FileTree {
  readonly root: string;
  readonly files: readonly TreeFile[];
  readonly folders: readonly string[];
  /** The files on disk that all this comes from: themselves, or the archive. */
  readonly sources: readonly SourceFile[];
}

const ignoredNames = new Set(["thumbs.db", "desktop.ini", "__macosx"]);

/** Largest file that is read as one image. */
const MOST_FILE_BYTES = 1 << 30;

/**
 * List a folder, or a .zip archive in place of one (a single folder at its top is stepped into). Hidden files and
 * those that file managers leave are not listed; links are followed, loops are not.
 *
 * @throws {DataError} if it cannot be read.
 */
export async function openFileTree(root: string): Promise<FileTree> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(root)).isDirectory();
  } catch (error) {
    throw new DataError(`${root}: wanted a folder or .zip of images, got "${errorText(error)}"`, {
      cause: error,
    });
  }
  const tree = isFolder ? await listFolder(root) : zipTree(root, await openZip(root));
  const files = tree.files.toSorted((a, b) => byCodeUnit(a.path, b.path));
  const sources = isFolder
    ? files.map(({ path, where }) => ({ name: path, path: where }))
    : [{ name: "archive", path: root }];
  return { root, files, folders: tree.folders.toSorted(byCodeUnit), sources };
}

/** Order of names that does not depend on the locale. */
function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function listFolder(root: string): Promise<{ files: TreeFile[]; folders: string[] }> {
  const files: TreeFile[] = [];
  const folders: string[] = [];
  const visit = async (prefix: string, ancestors: readonly string[]): Promise<void> => {
    const real = await realpath(join(root, prefix));
    if (ancestors.includes(real)) return;
    for (const entry of await readdir(join(root, prefix), { withFileTypes: true })) {
      if (isIgnored(entry.name)) continue;
      const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
      const where = join(root, path);
      const target = entry.isSymbolicLink() ? await stat(where) : entry;
      if (target.isDirectory()) {
        folders.push(path);
        await visit(path, [...ancestors, real]);
      } else if (target.isFile()) {
        files.push({ path, where, read: () => readWhole(where) });
      }
    }
  };
  try {
    await visit("", []);
  } catch (error) {
    throw new DataError(`${root}: wanted a readable folder, got "${errorText(error)}"`, { cause: error });
  }
  return { files, folders };
}

function zipTree(root: string, entries: readonly ZipEntry[]): { files: TreeFile[]; folders: string[] } {
  const kept = entries.filter(({ name }) => !name.split("/").some(isIgnored));
  const tops = new Set(kept.map(({ name }) => name.split("/", 1)[0]!));
  const strip =
    tops.size === 1 && kept.every(({ name }) => name.includes("/")) ? [...tops][0]!.length + 1 : 0;
  const folders = new Set<string>();
  const files = kept.map((entry) => {
    const path = entry.name.slice(strip);
    for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) folders.add(path.slice(0, at));
    return { path, where: `${root}: ${entry.name}`, read: () => inflate(root, entry) };
  });
  return { files, folders: [...folders] };
}

async function readWhole(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new DataError(`${path}: wanted a readable file, got "${errorText(error)}"`, { cause: error });
  }
}

async function inflate(root: string, entry: ZipEntry): Promise<Uint8Array> {
  if (entry.size > MOST_FILE_BYTES) {
    throw new DataError(`${root}: ${entry.name}: wanted at most ${MOST_FILE_BYTES} bytes, got ${entry.size}`);
  }
  const parts: Uint8Array[] = [];
  for await (const chunk of entry.chunks()) parts.push(chunk);
  return Buffer.concat(parts);
}

function isIgnored(name: string): boolean {
  return name.startsWith(".") || ignoredNames.has(name.toLowerCase());
}
