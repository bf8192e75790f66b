import { denormalise } from "../synthetic/set-tensors.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { encodedLabelBytes } from "./label-file.ts";
import { encodePngs } from "./png.ts";

/** Storage of a set in bytes, the parts that comparisons between methods count. */
export interface SetBytes {
  /** Float32 images as stored, before any decoding: `N·H·W·C·4`. */
  readonly images: number;
  /**
   * Hard: `N·⌈log2 K / 8⌉`; soft: `N·K·4`. Views and projector: as hard, and the label file with its header; of views
   * `V·b` bytes of records, V stored views of b bytes each as their codec has it.
   */
  readonly labels: number;
  /** Images and labels. */
  readonly total: number;
  /** The images as 8-bit PNG files: lossy for float images, reported beside the total and not part of it. */
  readonly encodedPng: number;
}

/** Counts a set's bytes. @see design, record key `bytes`. */
export async function setBytes(set: SyntheticSet): Promise<SetBytes> {
  const pngs = await encodePngs(denormalise(set), set.shape);
  const images = set.images.length * 4;
  const perLabel = Math.max(1, Math.ceil(Math.log2(set.classes.length) / 8));
  const labels = labelsLength(set.labels, set.size * perLabel);
  return {
    images,
    labels,
    total: images + labels,
    encodedPng: pngs.reduce((sum, png) => sum + png.length, 0),
  };
}

function labelsLength(labels: SyntheticSet["labels"], hard: number): number {
  if (labels.kind === "hard") return hard;
  return labels.kind === "soft" ? labels.values.length * 4 : hard + encodedLabelBytes(labels);
}
