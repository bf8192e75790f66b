import { DataError, type ImageDataset, type ImageShape, type Normalisation } from "@limbeck/core";
import pLimit from "p-limit";
import { z } from "zod";
import { openCached, openOptionsSchema, type CompleteOpenOptions } from "../cache/open-cached.ts";
import type { DecodedBatch, DecodedImages } from "../cache/decoded-images.ts";
import { sourceIdentity, type SourceFile } from "../cache/source-identity.ts";
import { dataFolders, downloadFolder } from "../folders.ts";
import { downloadFile, type Download } from "../io/download.ts";
import { parseOptions } from "../parse-options.ts";

/** Options of a data set known by name. */
export const namedOptionsSchema = openOptionsSchema.extend({
  dataFolder: z.string().min(1).optional().describe("folder to look in first, instead of LIMBECK_DATA"),
  download: z.boolean().default(true).describe("whether missing files may be downloaded"),
});
export type NamedOptions = z.input<typeof namedOptionsSchema>;

/** Files of a named data set on this machine. */
export interface FoundSource {
  /** File or folder to show to the user. */
  readonly path: string;
  files(): Promise<readonly SourceFile[]>;
  decode(options: CompleteOpenOptions): Promise<DecodedImages>;
}

/** A published data set: what is known of it without its files, and how they are found and read. */
export interface NamedDataset {
  readonly id: string;
  readonly title: string;
  readonly classes: readonly string[];
  readonly shape: ImageShape;
  /** Images of each split, the same number in every class where `balanced`. */
  readonly sizes: { readonly train: number; readonly test: number };
  readonly balanced: boolean;
  readonly normalisation: Normalisation;
  readonly mirrorInvariant: boolean;
  readonly source: ImageDataset["source"];
  /** Look into one folder. */
  find(folder: string): Promise<FoundSource | undefined>;
  /** Whether the files come with this package. */
  readonly embedded: boolean;
  readonly downloads: readonly Download[];
}

/** Where a named data set is on this machine, or how to get it. */
export type DatasetLocation =
  | { readonly kind: "embedded" | "found"; readonly path: string }
  | {
      readonly kind: "download";
      readonly urls: readonly string[];
      readonly bytes: number;
      readonly folder: string;
    };

/** Find the files of a set without reading or downloading them. */
export async function locateNamed(set: NamedDataset, dataFolder?: string): Promise<DatasetLocation> {
  const found = await findSource(set, dataFolder);
  if (found !== undefined) return { kind: set.embedded ? "embedded" : "found", path: found.path };
  const bytes = set.downloads.reduce((sum, download) => sum + download.bytes, 0);
  return {
    kind: "download",
    urls: set.downloads.map(({ url }) => url),
    bytes,
    folder: downloadFolder(dataFolder),
  };
}

/** Open a set: found in a folder or downloaded, decoded once, checked against its published counts. */
export async function openNamed(set: NamedDataset, options: NamedOptions): Promise<ImageDataset> {
  const { dataFolder, download, ...openOptions } = parseOptions(set.id, namedOptionsSchema, options);
  let found = await findSource(set, dataFolder);
  if (found === undefined) {
    await downloadAll(set, downloadFolder(dataFolder), download, openOptions);
    found = await findSource(set, dataFolder);
    if (found === undefined) throw new Error(`${set.id}: the downloaded files were not recognised`);
  }
  const source = found;
  const recipe = {
    name: set.id,
    key: [set.id, await sourceIdentity(await source.files())],
    normalisation: set.normalisation,
    mirrorInvariant: set.mirrorInvariant,
    source: set.source,
    decode: async () => checkedCounts(set, await source.decode(openOptions)),
  };
  return openCached(recipe, openOptions);
}

async function findSource(
  set: NamedDataset,
  dataFolder: string | undefined,
): Promise<FoundSource | undefined> {
  for (const folder of dataFolders(dataFolder)) {
    const found = await set.find(folder);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function downloadAll(
  set: NamedDataset,
  folder: string,
  allowed: boolean,
  { onEvent }: CompleteOpenOptions,
): Promise<void> {
  if (!allowed) {
    const files = set.downloads.map(({ file, url }) => `${file} from ${url}`).join(", ");
    throw new DataError(
      `${set.id}: wanted its files, found none; put ${files} into ${folder}, or allow the download`,
    );
  }
  const limit = pLimit(2);
  await Promise.all(
    set.downloads.map((download) => {
      return limit(() => {
        return downloadFile(download, folder, (bytes) => {
          onEvent?.({ kind: "download", file: download.file, bytes, total: download.bytes });
        });
      });
    }),
  );
}

/** Pass batches on and compare the number of images of each class with the published one at the end. */
function checkedCounts(set: NamedDataset, decoded: DecodedImages): DecodedImages {
  async function* batches(): AsyncGenerator<DecodedBatch> {
    const counts = { train: set.classes.map(() => 0), test: set.classes.map(() => 0) };
    for await (const batch of decoded.batches) {
      for (let i = 0; i < batch.labels.length; i++) counts[batch.split][batch.labels[i]!]! += 1;
      yield batch;
    }
    for (const split of ["train", "test"] as const) {
      const total = counts[split].reduce((sum, count) => sum + count, 0);
      const expected = set.sizes[split];
      const uneven = set.balanced && counts[split].some((count) => count !== expected / set.classes.length);
      if (total !== expected || uneven) {
        throw new DataError(
          `${set.id}: wanted ${expected} ${split} images${set.balanced ? ", as many of each class" : ""}, ` +
            `got ${total} (${counts[split].join(" ")}); the files are not the official ones`,
        );
      }
    }
  }
  return { ...decoded, batches: batches() };
}
