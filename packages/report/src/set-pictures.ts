import { denormaliseImages, type SyntheticSet } from "@limbeck/core";

/** Pixels of one set that the page carries at most. */
const MOST_PIXELS = 1_600_000;

type Pictured = Pick<SyntheticSet, "images" | "size" | "shape" | "normalisation">;

/**
 * The images of a set in pixel space, 0 black and 1 white, not clamped where the normalisation can be undone exactly.
 *
 * @param positions Which of them, in this order.
 * @returns `[positions.length, H, W, C]`.
 */
export function pixelsOf(
  { images, shape, normalisation }: Pictured,
  positions: readonly number[],
): Float32Array {
  const length = shape[0] * shape[1] * shape[2];
  const chosen = new Float32Array(positions.length * length);
  positions.forEach((position, row) =>
    chosen.set(images.subarray(position * length, (position + 1) * length), row * length),
  );
  if (normalisation.kind === "zca") {
    return Float32Array.from(denormaliseImages(chosen, shape, normalisation), (value) => value / 255);
  }
  const { mean, std } = normalisation;
  return chosen.map((value, i) => value * std[i % shape[2]]! + mean[i % shape[2]]!);
}

/** Positions of the images that are shown, class by class: all, or as many of each class as fit. */
export function shownPositions(
  labels: ArrayLike<number>,
  classes: number,
  [height, width, channels]: SyntheticSet["shape"],
  most = MOST_PIXELS,
): number[] {
  const room = Math.max(1, Math.floor(most / (height * width * channels)));
  const members = Array.from({ length: classes }, () => [] as number[]);
  Array.from(labels).forEach((label, i) => members[label]?.push(i));
  if (labels.length <= room) return members.flat();
  const each = Math.max(1, Math.floor(room / classes));
  return members.flatMap((own) => own.slice(0, each)).slice(0, room);
}
