import { basename, resolve } from "node:path";
import type { ImageDataset } from "@limbeck/core";
import { z } from "zod";
import { openOptionsSchema } from "../cache/open-cached.ts";

const side = z.int().min(1).max(4096);

/** Options of a user's own data, whatever its format. */
const ownOptionsSchema = openOptionsSchema.extend({
  name: z.string().min(1).optional().describe("name of the data set; the file's or folder's own without it"),
  mirrorInvariant: z
    .boolean()
    .default(true)
    .describe("whether a mirror image keeps its class (not so for digits)"),
  citation: z.string().default("").describe("what to cite, for cards and records"),
  licence: z.string().default("not stated").describe("terms of the images, for cards and records"),
});

/** Options of a user's own data in formats without class names. */
export const namelessOptionsSchema = ownOptionsSchema.extend({
  classes: z.array(z.string().min(1)).min(1).optional().describe("class names in label order"),
});

/** Options of data that come as image files. */
export const imageFileOptionsSchema = ownOptionsSchema.extend({
  size: z
    .union([side, z.tuple([side, side])])
    .transform((size): readonly [number, number] => (typeof size === "number" ? [size, size] : size))
    .optional()
    .describe("height and width, or one number for both: resize to cover it, then crop about the centre"),
  widenGrey: z.boolean().default(false).describe("widen grey images to colour instead of refusing a mixture"),
  testFraction: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.2)
    .describe("share of each class to test on where no split is given"),
  seed: z.int().default(0).describe("seed of that split"),
});

type OwnOptions = z.output<typeof ownOptionsSchema>;

/** The parts of a recipe that are the same for every kind of own data. */
export function ownRecipe(
  path: string,
  { name, mirrorInvariant, citation, licence }: OwnOptions,
): { name: string; mirrorInvariant: boolean; source: ImageDataset["source"] } {
  const base = basename(resolve(path));
  const origin = base.replace(/\.(zip|npz|parquet|arrow)$/i, "");
  return { name: name ?? origin, mirrorInvariant, source: { citation, licence, origin: base } };
}
