import { ConfigError, DataError, type ImageShape } from "@limbeck/core";
import type { ForeignArray } from "./foreign-set.ts";

/** Order of the axes of images: channels first, as in PyTorch, or last. */
export type Layout = "nchw" | "nhwc";

/** Images with channels last, bytes or floats as the file had them. */
export interface ImageRows {
  readonly size: number;
  readonly values: Uint8Array | Float32Array;
}

/** More float32 images than this (4 GiB) are no condensed set. */
const MOST_VALUES = 2 ** 30;

/**
 * Images of a file as `[N, H, W, C]` of the data set's shape. Wider numbers become float32.
 *
 * @throws {ConfigError} if both layouts fit and none was stated.
 * @throws {DataError} if the shape does not fit, or not in the stated layout.
 */
export function fitImages(
  where: string,
  images: ForeignArray,
  shape: ImageShape,
  layout: Layout | undefined,
): ImageRows {
  const [size = 0, ...axes] = images.shape;
  const [height, width, channels] = shape;
  const fits: Layout[] = [];
  const flat = channels === 1 && axes.length === 2 && axes.join() === `${height},${width}`;
  if (flat || axes.join() === shape.join()) fits.push("nhwc");
  if (flat || axes.join() === `${channels},${height},${width}`) fits.push("nchw");
  // One channel: both orders are the same numbers.
  const chosen = layout ?? (fits.length === 2 && channels !== 1 ? undefined : fits[0]);
  if (fits.length === 2 && chosen === undefined) {
    throw new ConfigError(
      `${where}: images [${images.shape.join(",")}] fit both layouts; state nchw or nhwc`,
    );
  }
  if (
    size < 1 ||
    size * height * width * channels > MOST_VALUES ||
    chosen === undefined ||
    !fits.includes(chosen)
  ) {
    throw new DataError(
      `${where}: wanted images of ${shape.join("x")} as [N,${channels},${height},${width}] (nchw) or [N,${shape.join(",")}] (nhwc)` +
        `${layout === undefined ? "" : `, stated ${layout}`}, got [${images.shape.join(",")}]`,
    );
  }
  const values = images.data instanceof Uint8Array ? images.data : asFloat32(images.data);
  return { size, values: chosen === "nhwc" || channels === 1 ? values : channelsLast(values, size, shape) };
}

/** Numbers as float32. */
function asFloat32(data: Exclude<ForeignArray["data"], Uint8Array>): Float32Array {
  return data instanceof Float32Array ? data : Float32Array.from(data as ArrayLike<number>, Number);
}

function channelsLast<T extends Uint8Array | Float32Array>(
  values: T,
  size: number,
  [height, width, channels]: ImageShape,
): T {
  const out = values.slice() as T;
  const plane = height * width;
  for (let n = 0; n < size; n++) {
    const start = n * plane * channels;
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < plane; p++) out[start + p * channels + c] = values[start + c * plane + p]!;
    }
  }
  return out;
}
