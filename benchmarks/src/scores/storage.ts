import type { ImageShape } from "@limbeck/core";
import type { EvaluationRecord } from "../records/record.ts";

/** The real data that a set stands for. */
export interface RealSize {
  readonly classes: number;
  readonly shape: ImageShape;
  /** Training images. */
  readonly train: number;
}

/** What a set costs to keep, in comparable units. */
export interface Storage {
  /** Images, labels and decoder together. */
  readonly total: number;
  /** How many uint8 images a class the same bytes would hold. */
  readonly ipcEq: number;
  /** Share of the bytes of the real training images as uint8, labels aside. */
  readonly ratioRaw: number;
  readonly bitsPerClass: number;
  /** Float32 scalars of the images, by which parameterised methods compare themselves in the literature. */
  readonly scalars: number;
}

/** @see Storage */
export function storageOf(
  { images, labels, decoder }: EvaluationRecord["bytes"],
  { classes, shape, train }: RealSize,
): Storage {
  const total = images + labels + decoder;
  const image = shape[0] * shape[1] * shape[2];
  return {
    total,
    ipcEq: total / (classes * image),
    ratioRaw: total / (train * image),
    bitsPerClass: (8 * total) / classes,
    scalars: (images + decoder) / 4,
  };
}

/** Two sets are storage-equal if their totals differ by at most 1 %. */
export function storageEqual(a: Pick<Storage, "total">, b: Pick<Storage, "total">): boolean {
  return Math.abs(a.total - b.total) <= 0.01 * Math.max(a.total, b.total);
}
