import type { ImageDataset } from "@limbeck/core";
import type { z } from "zod";
import { openCached } from "../cache/open-cached.ts";
import { sourceIdentity } from "../cache/source-identity.ts";
import { decodeImageFolder } from "../formats/image-folder.ts";
import { openFileTree } from "../io/file-tree.ts";
import { parseOptions } from "../parse-options.ts";
import { imageFileOptionsSchema, ownRecipe } from "./own-options.ts";

export const imageFolderOptionsSchema = imageFileOptionsSchema;
export type ImageFolderOptions = z.input<typeof imageFolderOptionsSchema>;

/**
 * A user's own folder (or .zip) of images: `train/CLASS/*` and `test/CLASS/*` (or `val`), or `CLASS/*` alone, which is
 * divided by `testFraction` and `seed`. Normalisation is the mean and deviation of the train split.
 *
 * @throws {ConfigError} if an option is wrong.
 * @throws {DataError} if there are no classes, one is empty, a file is unreadable, empty, or grey among colour ones.
 */
export async function imageFolder(path: string, options: ImageFolderOptions = {}): Promise<ImageDataset> {
  const parsed = parseOptions("imageFolder", imageFolderOptionsSchema, options);
  const { size, widenGrey, testFraction, seed } = parsed;
  const tree = await openFileTree(path);
  const recipe = {
    ...ownRecipe(path, parsed),
    key: ["image-folder", await sourceIdentity(tree.sources), { size, widenGrey, testFraction, seed }],
    decode: () => decodeImageFolder(tree, { testFraction, seed }, { size, widenGrey }),
  };
  return openCached(recipe, parsed);
}
