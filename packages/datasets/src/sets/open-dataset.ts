import { existsSync, statSync } from "node:fs";
import { ConfigError, type ImageDataset } from "@limbeck/core";
import { findIdxFiles } from "../formats/idx.ts";
import { idx } from "./idx.ts";
import { imageFolder, type ImageFolderOptions } from "./image-folder.ts";
import type { NamedOptions } from "./named-dataset.ts";
import { npz, type NpzOptions } from "./npz.ts";
import { holdsTables, parquet, type ParquetOptions } from "./parquet.ts";
import { datasets } from "./registry.ts";

/** Options of {@link openDataset} (IDX takes those of NPZ): those of the named sets or of the format that the path turns out to have. */
export type AnyDatasetOptions = NamedOptions | ImageFolderOptions | NpzOptions | ParquetOptions;

/**
 * Open a data set by name (`cifar10`; upper case and hyphens do not matter) or by path: a folder of images or a .zip
 * of one, a folder of IDX files, a .npz, or a .parquet or .arrow file or a folder of them.
 *
 * @throws {ConfigError} if the name is unknown and no such path is there, or an option does not belong to the format.
 * @throws {DataError} as the reader of the format.
 */
export async function openDataset(
  nameOrPath: string,
  options: AnyDatasetOptions = {},
): Promise<ImageDataset> {
  const entry = datasets.find(({ id }) => plain(id) === plain(nameOrPath));
  if (entry !== undefined) return entry.open(options as NamedOptions);
  if (!existsSync(nameOrPath)) {
    throw new ConfigError(
      `unknown data set ${JSON.stringify(nameOrPath)}; known: ${datasets.map(({ id }) => id).join(", ")}, ` +
        `or the path of an image folder, .zip, .npz, .parquet or .arrow file`,
    );
  }
  if (/\.npz$/i.test(nameOrPath)) return npz(nameOrPath, options as NpzOptions);
  if (/\.(parquet|arrow)$/i.test(nameOrPath)) return parquet(nameOrPath, options as ParquetOptions);
  if (statSync(nameOrPath).isDirectory()) {
    if (findIdxFiles(nameOrPath) !== undefined) return idx(nameOrPath, options as NpzOptions);
    if (await holdsTables(nameOrPath)) return parquet(nameOrPath, options as ParquetOptions);
  } else if (!/\.zip$/i.test(nameOrPath)) {
    throw new ConfigError(
      `${nameOrPath}: wanted an image folder, .zip, .npz, .parquet or .arrow file, got another kind of file`,
    );
  }
  return imageFolder(nameOrPath, options as ImageFolderOptions);
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[-_ ]/g, "");
}
