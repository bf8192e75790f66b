import { classPositions, type ImageSplit } from "@limbeck/core";

/** Multiplications of one search; larger searches look at every n-th real image. */
const MOST_WORK = 1.5e9;

/** @see nearestReal */
export interface Nearest {
  /** Position in the split of the nearest image to each query. */
  readonly positions: readonly number[];
  /** Real images that were looked at. */
  readonly searched: number;
}

/**
 * The real image of the same class with the least squared distance in pixel space to each query: whether a synthetic image is a
 * copy of a real one.
 *
 * @param queries `[labels.length, H·W·C]`, 0 black and 1 white.
 */
export function nearestReal(
  queries: Float32Array,
  labels: ArrayLike<number>,
  classes: number,
  split: ImageSplit,
): Nearest {
  const length = queries.length / labels.length;
  const members = classPositions(split.labels, classes);
  const work = Array.from(labels).reduce((sum, label) => sum + (members[label]?.length ?? 0) * length, 0);
  const stride = Math.max(1, Math.ceil(work / MOST_WORK));
  const positions = new Array<number>(labels.length).fill(-1);
  let searched = 0;
  for (let label = 0; label < classes; label++) {
    const own = Array.from(labels).flatMap((value, i) => (value === label ? [i] : []));
    if (own.length === 0) continue;
    const candidates = members[label]!.filter((_, i) => i % stride === 0);
    searched += candidates.length;
    const pixels = split.read(candidates);
    for (const query of own) {
      positions[query] = candidates[nearestRow(queries, query * length, pixels, length)] ?? -1;
    }
  }
  return { positions, searched };
}

/** Row of `pixels` (0…255) nearest to the query. Stops counting a row once it is farther than the best. */
function nearestRow(queries: Float32Array, start: number, pixels: Uint8Array, length: number): number {
  const query = queries.subarray(start, start + length).map((value) => value * 255);
  let best = -1;
  let least = Infinity;
  for (let row = 0; row * length < pixels.length; row++) {
    let distance = 0;
    for (let i = 0; i < length && distance < least; i++) {
      const difference = query[i]! - pixels[row * length + i]!;
      distance += difference * difference;
    }
    if (distance < least) {
      least = distance;
      best = row;
    }
  }
  return best;
}
