import { DataError, type ImageShape } from "@limbeck/core";
import pLimit from "p-limit";
import sharp from "sharp";
import { errorText } from "../io/error-text.ts";

/** How files become images of one shape. */
export interface ImageDecoderOptions {
  /** Height and width: each image is resized to cover it, then cropped about its centre. */
  readonly size?: readonly [height: number, width: number] | undefined;
  /** Whether grey images are widened to three channels; without it they may not stand among colour ones. */
  readonly widenGrey: boolean;
  /** Images of more pixels are refused before they are unpacked; default what sharp allows, 268 million. */
  readonly mostPixels?: number | undefined;
}

/** An image that is yet to be read. */
export interface EncodedImage {
  /** File (and row) named in messages. */
  readonly where: string;
  read(): Promise<Uint8Array>;
}

interface Decoded {
  readonly shape: ImageShape;
  readonly pixels: Uint8Array;
}

const CONCURRENT = 4;

/**
 * Decodes image files (JPEG, PNG, WebP, GIF, TIFF, AVIF: what sharp reads) to one common shape, set by `size` or by
 * the first image. Orientation tags are applied, transparency is dropped, more than 8 bits are reduced to 8.
 */
export class ImageDecoder {
  readonly #options: ImageDecoderOptions;
  #first: { readonly where: string; readonly shape: ImageShape } | undefined;

  constructor(options: ImageDecoderOptions) {
    this.#options = options;
  }

  /**
   * Decode images in order.
   * @returns pixels `[n, H, W, C]`.
   * @throws {DataError} naming the file, if one is empty, unreadable, grey among colour, or of another size where no
   *   size was asked for.
   */
  async decode(images: readonly EncodedImage[]): Promise<{ shape: ImageShape; pixels: Uint8Array }> {
    const limit = pLimit(CONCURRENT);
    const all = await Promise.all(images.map((image) => limit(() => this.#decodeOne(image))));
    let pixels: Uint8Array | undefined;
    for (const [i, { shape, pixels: values }] of all.entries()) {
      this.#check(images[i]!.where, shape);
      pixels ??= new Uint8Array(all.length * values.length);
      pixels.set(values, i * values.length);
    }
    if (pixels === undefined || this.#first === undefined) throw new Error("ImageDecoder: no images given");
    return { shape: this.#first.shape, pixels };
  }

  async #decodeOne({ where, read }: EncodedImage): Promise<Decoded> {
    const bytes = await read();
    if (bytes.length === 0) {
      throw new DataError(`${where}: wanted an image, got an empty file; remove or replace it`);
    }
    try {
      const { size, widenGrey, mostPixels } = this.#options;
      const image = sharp(bytes, {
        failOn: "error",
        ...(mostPixels === undefined ? {} : { limitInputPixels: mostPixels }),
      });
      const { space } = await image.metadata();
      const grey = space === "b-w" || space === "grey16";
      image.autoOrient();
      if (size !== undefined)
        image.resize({ width: size[1], height: size[0], fit: "cover", position: "centre" });
      image.removeAlpha().toColourspace(grey && !widenGrey ? "b-w" : "srgb");
      const { data, info } = await image.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
      return { shape: [info.height, info.width, info.channels], pixels: data };
    } catch (error) {
      throw new DataError(`${where}: wanted a readable image, got "${reason(error)}"; remove or replace it`, {
        cause: error,
      });
    }
  }

  #check(where: string, shape: ImageShape): void {
    this.#first ??= { where, shape };
    const first = this.#first;
    if (shape[2] !== first.shape[2]) {
      const [grey, colour] = shape[2] < first.shape[2] ? [where, first.where] : [first.where, where];
      throw new DataError(
        `${grey}: wanted a colour image like ${colour}, got a grey one; ` +
          `remove it, or widen grey images to colour with widenGrey: true`,
      );
    }
    if (shape[0] !== first.shape[0] || shape[1] !== first.shape[1]) {
      throw new DataError(
        `${where}: wanted ${first.shape[0]}x${first.shape[1]} pixels like ${first.where}, ` +
          `got ${shape[0]}x${shape[1]}; give a size to resize and crop to, such as size: 64`,
      );
    }
  }
}

/** The decoder does not always say why it stopped in the middle. */
function reason(error: unknown): string {
  const text = errorText(error);
  return text === "Unknown error" ? "damaged or truncated data" : text;
}
