import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../errors.ts";
import { integers, uniform } from "../random/draw.ts";
import { foldIn, type Key } from "../random/key.ts";
import { affineSample } from "./affine-sample.ts";
import { mirrored, samplingGrid, type AffineMap } from "./sampling-grid.ts";

/** Window of one image and whether the result is mirrored: all that is needed to repeat the view. */
export interface CropBox {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
  readonly flip: boolean;
}

export interface CropBoxOptions {
  /** Range of the window's share of the area. */
  readonly scale?: readonly [low: number, high: number];
  /** Range of width / height, drawn on a logarithmic scale. */
  readonly ratio?: readonly [low: number, high: number];
  /** Probability of mirroring. */
  readonly flip?: number;
}

const ATTEMPTS = 10;

/**
 * `n` random windows of an image of `height` × `width` pixels. Ten tries each for a window that fits, then the largest
 * centred one of an allowed shape.
 */
export function drawCropBoxes(
  key: Key,
  n: number,
  height: number,
  width: number,
  { scale = [0.08, 1], ratio = [3 / 4, 4 / 3], flip = 0.5 }: CropBoxOptions = {},
): CropBox[] {
  const flips = uniform(foldIn(key, "flip"), n);
  return Array.from({ length: n }, (_, i) => {
    const own = foldIn(foldIn(key, "box"), i);
    return { ...fittingWindow(own, height, width, scale, ratio), flip: flips[i]! < flip };
  });
}

function fittingWindow(
  key: Key,
  height: number,
  width: number,
  scale: readonly [number, number],
  ratio: readonly [number, number],
): Omit<CropBox, "flip"> {
  const u = uniform(foldIn(key, "shape"), 2 * ATTEMPTS);
  const logRatio = [Math.log(ratio[0]), Math.log(ratio[1])] as const;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = height * width * (scale[0] + (scale[1] - scale[0]) * u[2 * attempt]!);
    const aspect = Math.exp(logRatio[0] + (logRatio[1] - logRatio[0]) * u[2 * attempt + 1]!);
    const w = Math.round(Math.sqrt(area * aspect));
    const h = Math.round(Math.sqrt(area / aspect));
    if (w >= 1 && h >= 1 && w <= width && h <= height) {
      const [top] = integers(foldIn(key, "top"), 1, 0, height - h + 1);
      const [left] = integers(foldIn(key, "left"), 1, 0, width - w + 1);
      return { top: top!, left: left!, height: h, width: w };
    }
  }
  const aspect = Math.min(Math.max(width / height, ratio[0]), ratio[1]);
  const w = Math.min(width, Math.round(height * aspect));
  const h = Math.min(height, Math.round(width / aspect));
  return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w };
}

/**
 * Cuts one window out of every image and resizes it bilinearly (pixel areas aligned, borders repeated).
 * Differentiable in `images`.
 *
 * Differs: no averaging where a window shrinks (torchvision's anti-aliasing); training crops seldom shrink.
 *
 * @param images `[N, H, W, C]`.
 * @param boxes One per image.
 * @param size Side lengths of the result; default those of the images.
 * @returns `[N, size[0], size[1], C]`.
 * @throws {ShapeError} if the number of boxes is not N or a box leaves the image.
 * @see Szegedy et al., "Going deeper with convolutions" (CVPR 2015), section 6; the ranges are torchvision's.
 */
export function resizedCrop(
  images: tf.Tensor4D,
  boxes: readonly CropBox[],
  size: readonly [height: number, width: number] = [images.shape[1], images.shape[2]],
): tf.Tensor4D {
  const [n, height, width] = images.shape;
  if (boxes.length !== n)
    throw new ShapeError(`resizedCrop: \`boxes\` must hold ${n} boxes, got ${boxes.length}`);
  for (const box of boxes) {
    if (box.top < 0 || box.left < 0 || box.top + box.height > height || box.left + box.width > width) {
      throw new ShapeError(
        `resizedCrop: a box must lie inside ${height}×${width} pixels, got ${JSON.stringify(box)}`,
      );
    }
  }
  const maps = boxes.map((box) => windowMap(box, size));
  return tf.tidy(() => affineSample(images, samplingGrid(maps, size[0], size[1])));
}

function windowMap(box: CropBox, [outHeight, outWidth]: readonly [number, number]): AffineMap {
  const [sx, sy] = [box.width / outWidth, box.height / outHeight];
  const map: AffineMap = {
    xj: sx,
    xi: 0,
    x0: box.left + sx / 2 - 0.5,
    yj: 0,
    yi: sy,
    y0: box.top + sy / 2 - 0.5,
    within: {
      left: box.left,
      top: box.top,
      right: box.left + box.width - 1,
      bottom: box.top + box.height - 1,
    },
  };
  return box.flip ? mirrored(map, outWidth) : map;
}
