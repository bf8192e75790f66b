import { ConfigError } from "../errors.ts";
import { permutation } from "../random/draw.ts";
import { foldIn, type Key } from "../random/key.ts";
import type { ImageSplit } from "./image-dataset.ts";

/**
 * Divides positions into two parts with the same class shares: settings are chosen on the second, never on the test split.
 *
 * @param fraction Share of every class that goes to `validation`, rounded to whole images.
 * @returns Positions, ascending.
 * @throws {ConfigError} if `fraction` is not strictly between 0 and 1.
 */
export function stratifiedSplit(
  labels: ArrayLike<number>,
  fraction: number,
  key: Key,
): { readonly train: Int32Array; readonly validation: Int32Array } {
  if (!(fraction > 0 && fraction < 1)) {
    throw new ConfigError(`stratifiedSplit: fraction must be between 0 and 1, got ${fraction}`);
  }
  const classes = new Map<number, number[]>();
  for (let i = 0; i < labels.length; i++) {
    const members = classes.get(labels[i]!);
    if (members === undefined) classes.set(labels[i]!, [i]);
    else members.push(i);
  }
  const inValidation = new Uint8Array(labels.length);
  for (const [label, members] of classes) {
    const order = permutation(foldIn(key, label), members.length);
    const count = Math.round(fraction * members.length);
    for (let i = 0; i < count; i++) inValidation[members[order[i]!]!] = 1;
  }
  const positions = Int32Array.from({ length: labels.length }, (_, i) => i);
  return {
    train: positions.filter((i) => inValidation[i] === 0),
    validation: positions.filter((i) => inValidation[i] === 1),
  };
}

/** Some images of a split as a split of its own, at positions 0 … `positions.length` − 1. Nothing is copied. */
export function subsetOfSplit(split: ImageSplit, positions: ArrayLike<number>): ImageSplit {
  const chosen = Int32Array.from(positions);
  return {
    size: chosen.length,
    labels: chosen.map((position) => split.labels[position]!),
    read(indices) {
      return split.read(
        Int32Array.from(indices, (index) => {
          const position = chosen[index];
          if (position !== undefined) return position;
          throw new RangeError(`read: index must be from 0 to ${chosen.length - 1}, got ${index}`);
        }),
      );
    },
  };
}
