import { denormalise } from "../synthetic/set-tensors.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { writeFileBeside } from "./durable-file.ts";
import { asPicture, encodePng, type Picture } from "./png.ts";

/** Pictures are enlarged by a whole factor until one is at least this high, where the grid stays below its limit. */
const WANTED_HEIGHT = 64;
/** Largest side of a preview in pixels; larger sets show their first classes and images. */
const MAX_SIDE = 4096;
/** Grey of the lines between pictures. */
const LINE = 128;

/**
 * Writes a picture of a set: one row per class, one column per image, lines one source pixel wide between them,
 * enlarged by nearest neighbour. Same set, same bytes. Soft-labelled images stand in the row of their largest label.
 *
 * @throws {RunError} if the disk is full or the path cannot be written.
 */
export async function previewPng(set: SyntheticSet, path: string): Promise<void> {
  const { picture, scale } = previewGrid(set);
  writeFileBeside(path, await encodePng(picture, scale));
}

/** The grid before it is enlarged, and the factor. */
export function previewGrid(set: SyntheticSet): { readonly picture: Picture; readonly scale: number } {
  const pixels = denormalise(set);
  const length = pixels.length / set.size;
  const rows = imagesByClass(set).map((images) =>
    images.map((i) => asPicture(pixels.subarray(i * length, (i + 1) * length), set.shape)),
  );
  const { width: w, height: h, channels } = asPicture(pixels.subarray(0, length), set.shape);
  const fitting = (side: number) => Math.max(1, Math.floor((MAX_SIDE - 1) / (side + 1)));
  const shown = rows.slice(0, fitting(h)).map((row) => row.slice(0, fitting(w)));
  const columns = Math.max(...shown.map((row) => row.length));
  const width = columns * (w + 1) + 1;
  const height = shown.length * (h + 1) + 1;
  const grid = new Uint8Array(width * height * channels).fill(LINE);
  shown.forEach((row, r) =>
    row.forEach((picture, c) => {
      for (let y = 0; y < h; y++) {
        const line = picture.pixels.subarray(y * w * channels, (y + 1) * w * channels);
        grid.set(line, ((r * (h + 1) + 1 + y) * width + c * (w + 1) + 1) * channels);
      }
    }),
  );
  const scale = Math.min(Math.ceil(WANTED_HEIGHT / h), Math.floor(MAX_SIDE / Math.max(width, height)));
  return { picture: { width, height, channels, pixels: grid }, scale: Math.max(1, scale) };
}

/** Positions of the images of each class, in class order; classes without an image are left out. */
function imagesByClass(set: SyntheticSet): number[][] {
  const rows = set.classes.map(() => [] as number[]);
  hardLabels(set).forEach((label, i) => rows[label]?.push(i));
  return rows.filter((row) => row.length > 0);
}

/** Class of each image, `[N]`: its class, or the first largest of its soft label. */
export function hardLabels({
  labels,
  classes,
  size,
}: Pick<SyntheticSet, "labels" | "classes" | "size">): Int32Array {
  if (labels.kind !== "soft") return labels.values;
  return Int32Array.from({ length: size }, (_, i) => {
    const row = labels.values.subarray(i * classes.length, (i + 1) * classes.length);
    return row.indexOf(Math.max(...row));
  });
}
