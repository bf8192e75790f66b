import sharp from "sharp";
import { DataError } from "../errors.ts";
import type { ImageShape } from "../dataset/image-dataset.ts";

/** Raw 8-bit picture: grey (1 channel) or RGB (3). */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** Row-major `[height, width, channels]`. */
  readonly pixels: Uint8Array;
}

/**
 * One image as something people can look at. Grey and RGB stay as they are; with any other number of channels these
 * stand side by side as grey planes, `[H, C·W]`, so that nothing is lost.
 *
 * @param pixels `[H, W, C]`, 0…255.
 */
export function asPicture(pixels: Uint8Array, [height, width, channels]: ImageShape): Picture {
  if (channels === 1 || channels === 3) return { width, height, channels, pixels };
  const planes = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        planes[(y * channels + c) * width + x] = pixels[(y * width + x) * channels + c]!;
      }
    }
  }
  return { width: width * channels, height, channels: 1, pixels: planes };
}

/** Lossless PNG of a picture, `scale` times as large by nearest neighbour. Same picture, same sharp version, same bytes. */
export async function encodePng({ width, height, channels, pixels }: Picture, scale = 1): Promise<Buffer> {
  let image = sharp(pixels, { raw: { width, height, channels } });
  if (scale !== 1) image = image.resize(width * scale, height * scale, { kernel: "nearest", fit: "fill" });
  if (channels === 1) image = image.toColourspace("b-w");
  return image.png({ compressionLevel: 9, adaptiveFiltering: false }).toBuffer();
}

/** Pixels of an 8-bit grey or RGB PNG. @throws {DataError} if `bytes` cannot be decoded as one. */
export async function decodePng(bytes: Uint8Array): Promise<Picture> {
  try {
    const image = sharp(bytes);
    // Grey would come out as RGB.
    if ((await image.metadata()).channels === 1) image.toColourspace("b-w");
    const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    if (channels !== 1 && channels !== 3) throw new Error(`it has ${channels} channels, wanted 1 or 3`);
    return { width, height, channels, pixels: new Uint8Array(data) };
  } catch (error) {
    throw new DataError(`PNG: cannot be decoded: ${(error as Error).message}`, { cause: error });
  }
}

/** PNG of every image of `[N, H, W, C]` pixels, in order; a few are encoded at a time. */
export async function encodePngs(pixels: Uint8Array, shape: ImageShape): Promise<Buffer[]> {
  const atOnce = 16;
  const size = shape[0] * shape[1] * shape[2];
  const pngs: Buffer[] = [];
  for (let first = 0; first * size < pixels.length; first += atOnce) {
    const count = Math.min(atOnce, pixels.length / size - first);
    const batch = Array.from({ length: count }, (_, i) =>
      pixels.subarray((first + i) * size, (first + i + 1) * size),
    );
    pngs.push(...(await Promise.all(batch.map((image) => encodePng(asPicture(image, shape))))));
  }
  return pngs;
}
