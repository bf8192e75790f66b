import { DataError, type ImageDataset } from "@limbeck/core";
import type { z } from "zod";
import { openCached } from "../cache/open-cached.ts";
import { sourceIdentity } from "../cache/source-identity.ts";
import { decodeIdx, findIdxFiles, idxFileNames } from "../formats/idx.ts";
import { parseOptions } from "../parse-options.ts";
import { namelessOptionsSchema, ownRecipe } from "./own-options.ts";

export const idxOptionsSchema = namelessOptionsSchema;
export type IdxOptions = z.input<typeof idxOptionsSchema>;

/**
 * A folder with the four IDX files of an MNIST look-alike (KMNIST, EMNIST, one's own), plain or .gz.
 *
 * @throws {ConfigError} if an option is wrong.
 * @throws {DataError} if a file is missing, truncated or damaged, or the counts of images and labels differ.
 */
export async function idx(folder: string, options: IdxOptions = {}): Promise<ImageDataset> {
  const parsed = parseOptions("idx", idxOptionsSchema, options);
  const files = findIdxFiles(folder);
  if (files === undefined) {
    throw new DataError(
      `${folder}: wanted the files ${idxFileNames.join(", ")} (or with .gz), got not all of them`,
    );
  }
  const recipe = {
    ...ownRecipe(folder, parsed),
    key: ["idx", await sourceIdentity(files), parsed.classes],
    decode: () => decodeIdx(files, parsed.classes),
  };
  return openCached(recipe, parsed);
}
