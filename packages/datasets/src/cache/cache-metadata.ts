import { z } from "zod";

/** Key of the JSON in the metadata of the Arrow schema (the footer's copy is the complete one). */
export const METADATA_KEY = "limbeck.dataset";

/** Version of the cache layout; another version is rebuilt. */
export const CACHE_VERSION = 1;

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);

export const cacheMetadataSchema = z.object({
  version: z.literal(CACHE_VERSION),
  name: z.string(),
  classes: z.array(z.string()).min(1),
  shape: z.tuple([z.int().min(1), z.int().min(1), z.int().min(1)]),
  sizes: z.object({ train: count, test: count }),
  mean: z.array(z.number()),
  std: z.array(z.number()),
  sha256: hex,
  labels: z.object({ train: hex, test: hex }),
  source: z.object({ citation: z.string(), licence: z.string(), origin: z.string() }),
});

/** What is known of a decoded data set without reading its pixels. */
export type CacheMetadata = z.output<typeof cacheMetadataSchema>;
