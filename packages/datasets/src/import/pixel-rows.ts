import { DataError, type ImageShape } from "@limbeck/core";
import { ImageDecoder, type EncodedImage } from "../formats/image-decoder.ts";
import type { ForeignArray } from "./foreign-set.ts";

const AT_ONCE = 64;

/**
 * Decodes the pictures of a set, `[N, H, W, C]` bytes. A picture of more pixels than those of the data set is refused
 * before it is unpacked.
 *
 * @throws {DataError} naming the picture that is not of the data set's shape or cannot be decoded.
 */
export async function decodePictures(
  where: string,
  pictures: readonly EncodedImage[],
  shape: ImageShape,
): Promise<ForeignArray> {
  if (pictures.length === 0) throw new DataError(`${where}: wanted pictures, got none`);
  const size = shape[0] * shape[1] * shape[2];
  const data = new Uint8Array(pictures.length * size);
  const decoder = new ImageDecoder({ widenGrey: false, mostPixels: shape[0] * shape[1] });
  for (let first = 0; first < pictures.length; first += AT_ONCE) {
    const decoded = await decoder.decode(pictures.slice(first, first + AT_ONCE));
    if (decoded.shape.join() !== shape.join()) {
      throw new DataError(
        `${pictures[first]!.where}: wanted pictures of ${shape.join("x")} like the data set, got ${decoded.shape.join("x")}`,
      );
    }
    data.set(decoded.pixels, first * size);
  }
  return { shape: [pictures.length, ...shape], data };
}
