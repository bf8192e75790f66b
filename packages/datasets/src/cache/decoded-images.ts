import type { ImageShape } from "@limbeck/core";

/** Part of a data set that an image belongs to. */
export type SplitName = "train" | "test";

/** Some images of one split, in order. */
export interface DecodedBatch {
  readonly split: SplitName;
  /** `[n, H, W, C]`, values 0…255. */
  readonly pixels: Uint8Array;
  /** `[n]`, each in [0, K). */
  readonly labels: ArrayLike<number>;
}

/** What every format reader gives: a stream of batches that is read once, all of train before all of test. */
export interface DecodedImages {
  readonly shape: ImageShape;
  /** Class names in label order. */
  readonly classes: readonly string[];
  readonly batches: AsyncIterable<DecodedBatch>;
}

/** Number of values of one image. */
export function imageSize(shape: ImageShape): number {
  return shape[0] * shape[1] * shape[2];
}
