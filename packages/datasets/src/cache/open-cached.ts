import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DataError, type ImageDataset, type Normalisation } from "@limbeck/core";
import { z } from "zod";
import { cacheFolder } from "../folders.ts";
import { CacheFile } from "./cache-file.ts";
import { CACHE_VERSION } from "./cache-metadata.ts";
import { cachedSplit } from "./cached-split.ts";
import { verifyDataset } from "./dataset-digest.ts";
import { imageSize, type DecodedImages } from "./decoded-images.ts";
import { writeCache } from "./write-cache.ts";

/** What happens while a data set is opened; for progress displays. */
export type DatasetEvent =
  | {
      readonly kind: "download";
      readonly file: string;
      readonly bytes: number;
      readonly total: number | undefined;
    }
  | { readonly kind: "decode"; readonly dataset: string; readonly images: number }
  | { readonly kind: "rebuild"; readonly dataset: string; readonly reason: string };

/** Options of every data set. */
export const openOptionsSchema = z.strictObject({
  cacheFolder: z.string().min(1).optional().describe("folder of decoded images, instead of LIMBECK_CACHE"),
  memoryLimit: z
    .number()
    .min(0)
    .default(512 * 2 ** 20)
    .describe("bytes of pixels up to which a set is checked in full at opening and held in memory once read"),
  rebuild: z.boolean().default(false).describe("decode again even when a cache is there"),
  onEvent: z.custom<(event: DatasetEvent) => void>((value) => typeof value === "function").optional(),
});
export type OpenOptions = z.input<typeof openOptionsSchema>;
export type CompleteOpenOptions = z.output<typeof openOptionsSchema>;

/** All that {@link openCached} needs to know of a data set. */
export interface DatasetRecipe {
  readonly name: string;
  /** Everything that decides what is decoded: identity of the source and decoding options. */
  readonly key: unknown;
  /** Published constants; without them, mean and deviation of the train split. */
  readonly normalisation?: Normalisation;
  readonly mirrorInvariant: boolean;
  readonly source: ImageDataset["source"];
  decode(): Promise<DecodedImages>;
}

/**
 * Open a data set through its cache: decoded on first use, read by position afterwards. A cache that is truncated,
 * damaged or of another version is rebuilt.
 */
export async function openCached(recipe: DatasetRecipe, options: CompleteOpenOptions): Promise<ImageDataset> {
  const path = cachePath(recipe, options.cacheFolder);
  if (!options.rebuild && existsSync(path)) {
    try {
      return openCacheFile(path, recipe, options.memoryLimit);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      options.onEvent?.({ kind: "rebuild", dataset: recipe.name, reason: error.message });
    }
  }
  const description = {
    name: recipe.name,
    source: recipe.source,
    onImages: (images: number) => options.onEvent?.({ kind: "decode", dataset: recipe.name, images }),
  };
  await writeCache(path, description, () => recipe.decode());
  return openCacheFile(path, recipe, options.memoryLimit);
}

/** File of the cache for this source and these options. */
function cachePath(recipe: DatasetRecipe, folder: string | undefined): string {
  const key = createHash("sha256")
    .update(JSON.stringify([CACHE_VERSION, recipe.key]))
    .digest("hex");
  const slug = recipe.name.replace(/[^a-zA-Z0-9]+/g, "-").slice(0, 40);
  return join(cacheFolder(folder), "datasets", `${slug}-${key.slice(0, 16)}.arrow`);
}

function openCacheFile(path: string, recipe: DatasetRecipe, memoryLimit: number): ImageDataset {
  const file = new CacheFile(path);
  const { classes, shape, sizes, mean, std, sha256 } = file.metadata;
  const small = (sizes.train + sizes.test) * imageSize(shape) <= memoryLimit;
  const dataset = {
    name: recipe.name,
    classes,
    shape,
    normalisation: recipe.normalisation ?? { kind: "mean-std", mean, std },
    mirrorInvariant: recipe.mirrorInvariant,
    source: recipe.source,
    sha256,
  } as const;
  if (small) {
    try {
      verifyDataset({
        ...dataset,
        train: cachedSplit(file, "train", false),
        test: cachedSplit(file, "test", false),
      });
    } catch (error) {
      file.close();
      throw error;
    }
  }
  return { ...dataset, train: cachedSplit(file, "train", small), test: cachedSplit(file, "test", small) };
}
