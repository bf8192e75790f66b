import { createHash } from "node:crypto";
import { createReadStream, existsSync, readdirSync, statSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { ConfigError, DataError, type ImageDataset, type SyntheticSet } from "@limbeck/core";
import { fitForeignSet, type FitOptions } from "./fit-foreign-set.ts";
import type { ForeignSet } from "./foreign-set.ts";
import { readImageFolderSet } from "./read-image-folder-set.ts";
import { readNpzSet } from "./read-npz-set.ts";
import { parquetFiles, readParquetSet } from "./read-parquet-set.ts";
import { readSafetensorsSet } from "./read-safetensors-set.ts";
import { readTorchSet } from "./read-torch-set.ts";

/** Formats that others' sets come in. */
export const IMPORT_FORMATS = ["safetensors", "npz", "imagefolder", "parquet", "torch"] as const;

export type ImportFormat = (typeof IMPORT_FORMATS)[number];

export interface ImportOptions extends FitOptions {
  /** Default: told from the path. */
  readonly format?: ImportFormat | undefined;
  /** Which experiment of a PyTorch file with several. */
  readonly part?: number | undefined;
}

/**
 * Reads a condensed set that another suite made, or that this one exported, and fits it to the data set it was condensed from.
 * Nothing in the file is executed, and what it claims about sizes is checked before memory is taken.
 *
 * Floats keep their bits, unless they are stated to be pixels that are yet to be normalised. Hard-labelled images are put in
 * the order of their classes.
 *
 * @param path File or folder; see the readers for what each format holds.
 * @throws {ConfigError} if an option does not fit, or what must be stated was not.
 * @throws {DataError} if the file is damaged or hostile, or its shape, classes or values do not fit the data set.
 */
export async function importSet(
  path: string,
  dataset: ImageDataset,
  options: ImportOptions = {},
): Promise<SyntheticSet> {
  const format = options.format ?? formatOf(path);
  const source = format === "torch" ? torchFile(path) : path;
  const found = await readers[format](source, dataset, options);
  return fitForeignSet(found, dataset, options, {
    file: basename(path),
    format,
    ...(statSync(source).isFile() ? { sha256: await fileSha256(source) } : {}),
  });
}

const readers: Readonly<
  Record<
    ImportFormat,
    (path: string, dataset: ImageDataset, options: ImportOptions) => Promise<ForeignSet | SyntheticSet>
  >
> = {
  safetensors: readSafetensorsSet,
  npz: readNpzSet,
  imagefolder: readImageFolderSet,
  parquet: readParquetSet,
  torch: (path, _, { part }) => readTorchSet(path, part),
};

const EXTENSIONS: Readonly<Record<string, ImportFormat>> = {
  ".safetensors": "safetensors",
  ".npz": "npz",
  ".parquet": "parquet",
  ".pt": "torch",
  ".pth": "torch",
  ".zip": "imagefolder",
};

function formatOf(path: string): ImportFormat {
  if (!existsSync(path)) throw new DataError(`${path}: wanted a condensed set, got no such file or folder`);
  if (statSync(path).isDirectory()) {
    if (parquetFiles(path).length > 0) return "parquet";
    return torchFileIn(path) === undefined ? "imagefolder" : "torch";
  }
  const format = EXTENSIONS[extname(path).toLowerCase()];
  if (format !== undefined) return format;
  throw new ConfigError(
    `${path}: wanted a name that tells the format (${Object.keys(EXTENSIONS).join(", ")}), got ${JSON.stringify(basename(path))}; ` +
      `give it as format`,
  );
}

function torchFile(path: string): string {
  if (!existsSync(path) || !statSync(path).isDirectory()) return path;
  const file = torchFileIn(path);
  if (file !== undefined) return file;
  throw new DataError(`${path}: wanted images_best.pt or one other file of images, found none`);
}

/** The images in a folder of PyTorch files: the best, or the only ones. */
function torchFileIn(folder: string): string | undefined {
  const names = readdirSync(folder).filter((name) => /\.(pt|pth)$/.test(name));
  const images = names.filter((name) => /^images?[_.]/.test(name));
  const best = images.find((name) => name === "images_best.pt");
  const only = images.length === 1 ? images[0] : names.length === 1 ? names[0] : undefined;
  const name = best ?? only;
  return name === undefined ? undefined : join(folder, name);
}

async function fileSha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
