import { mkdirSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";

/** Side of the pictures. */
const SIDE = 16;

/**
 * A user's own folder of pictures: `train/<class>/*.png` and `test/<class>/*.png`, two classes that a small network can
 * tell apart (bright at the left, bright at the top), a little noise by position.
 *
 * @param perClass Training pictures of each class; half as many for testing.
 */
export async function writePictureFolder(folder: string, perClass = 8): Promise<void> {
  for (const [split, count] of [
    ["train", perClass],
    ["test", perClass >> 1],
  ] as const) {
    for (const name of ["left", "top"]) {
      mkdirSync(join(folder, split, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        await writePicture(join(folder, split, name, `${i}.png`), (x, y) =>
          (name === "left" ? x : y) < SIDE / 2
            ? 200 + ((7 * x + 5 * y + 3 * i) % 40)
            : 20 + ((3 * x + y + 11 * i) % 40),
        );
      }
    }
  }
}

/** One picture; three channels of one value each, or one with `grey`. */
export async function writePicture(
  path: string,
  value: (x: number, y: number) => number,
  { grey = false } = {},
): Promise<void> {
  const channels = grey ? 1 : 3;
  const pixels = new Uint8Array(SIDE * SIDE * channels);
  for (let i = 0; i < pixels.length; i++) {
    const at = Math.floor(i / channels);
    pixels[i] = value(at % SIDE, Math.floor(at / SIDE)) - 10 * (i % channels);
  }
  await sharp(pixels, { raw: { width: SIDE, height: SIDE, channels } })
    .toColourspace(grey ? "b-w" : "srgb")
    .toFile(path);
}
