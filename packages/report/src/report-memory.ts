import { statSync } from "node:fs";
import type { ImageDataset } from "@limbeck/core";
import { keptSets } from "./kept-sets.ts";
import type { PackedImages, TestImages } from "./model.ts";
import type { ReadSet } from "./read-report-set.ts";

/**
 * What reading took long for: kept between the readings of a page that follows work, so that it does not take from the work what
 * it shows.
 */
export interface ReportMemory {
  /** By name. */
  readonly datasets: Map<string, ImageDataset | undefined>;
  /** By the data set's SHA-256. */
  readonly testImages: Map<string, TestImages>;
  /** By the data set's SHA-256 and the whitening's. */
  readonly whitenedTests: Map<string, PackedImages>;
  /** By the path of the set, also while it forms, with what the file was when it was read. */
  readonly sets: Map<
    string,
    { readonly stamp: string; readonly read: ReadSet; readonly dataset: ImageDataset | undefined }
  >;
}

/** An empty one. */
export function reportMemory(): ReportMemory {
  return { datasets: new Map(), testImages: new Map(), whitenedTests: new Map(), sets: new Map() };
}

/** Changes when a set file or the earlier states beside it change. */
export function setStamp(path: string): string {
  const { size, mtimeMs, ino } = statSync(path);
  return JSON.stringify([path, size, mtimeMs, ino, keptSets(path)]);
}
