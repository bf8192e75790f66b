import { ConfigError } from "@limbeck/core";
import { folderCellStore, type CellStore } from "../sweep/cell-store.ts";
import { bucketCellStore } from "./bucket-cell-store.ts";

/**
 * The store at a place: a folder, or `s3://BUCKET/PREFIX`.
 *
 * @throws {ConfigError} if the place is no address of a bucket, or the client of buckets is not installed.
 * @throws {RunError} if it cannot be reached or holds a store of another format.
 */
export async function openCellStore(place: string): Promise<CellStore> {
  if (!place.startsWith("s3:")) return folderCellStore(place);
  const [, bucket, path = ""] = /^s3:\/\/([a-z0-9][a-z0-9.-]*)(?:\/(.*))?$/.exec(place) ?? [];
  if (bucket === undefined)
    throw new ConfigError(`--store: wanted a folder or s3://BUCKET/PREFIX, got ${place}`);
  return bucketCellStore({ bucket, prefix: path === "" || path.endsWith("/") ? path : `${path}/` });
}
