import type { ImageDataset } from "@limbeck/core";
import type { z } from "zod";
import { openCached } from "../cache/open-cached.ts";
import { sourceIdentity } from "../cache/source-identity.ts";
import { decodeNpz } from "../formats/npz.ts";
import { parseOptions } from "../parse-options.ts";
import { namelessOptionsSchema, ownRecipe } from "./own-options.ts";

export const npzOptionsSchema = namelessOptionsSchema;
export type NpzOptions = z.input<typeof npzOptionsSchema>;

/**
 * A NumPy .npz archive with the keys of MedMNIST (`train_images`, `train_labels`, `test_images`, `test_labels`).
 *
 * @throws {ConfigError} if an option is wrong.
 * @throws {DataError} if an array is missing or wrong, or the archive is damaged.
 */
export async function npz(path: string, options: NpzOptions = {}): Promise<ImageDataset> {
  const parsed = parseOptions("npz", npzOptionsSchema, options);
  const recipe = {
    ...ownRecipe(path, parsed),
    key: ["npz", await sourceIdentity([{ name: "npz", path }]), parsed.classes],
    decode: () => decodeNpz(path, parsed.classes),
  };
  return openCached(recipe, parsed);
}
