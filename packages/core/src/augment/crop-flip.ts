import * as tf from "@tensorflow/tfjs-core";
import { integers } from "../random/draw.ts";
import { foldIn, type Key } from "../random/key.ts";
import { affineSample } from "./affine-sample.ts";
import { mirrored, samplingGrid, translation } from "./sampling-grid.ts";

export interface CropFlipOptions {
  readonly key: Key;
  /** Zeros added on every side before a window of the old size is cut out. */
  readonly pad?: number;
  /** Mirror every other image, by chance. */
  readonly flip?: boolean;
}

/**
 * The usual training augmentation of small images: pad with zeros, cut out a random window of the old size, mirror with
 * probability ½, all per image. Differentiable in `images`.
 *
 * @param images `[N, H, W, C]`, normalised: the padding is the data set's mean.
 */
export function cropFlip(images: tf.Tensor4D, { key, pad = 4, flip = true }: CropFlipOptions): tf.Tensor4D {
  const [n, height, width] = images.shape;
  const dx = integers(foldIn(key, "dx"), n, -pad, pad + 1);
  const dy = integers(foldIn(key, "dy"), n, -pad, pad + 1);
  const mirror = flip ? integers(foldIn(key, "flip"), n, 0, 2) : new Int32Array(n);
  const maps = Array.from({ length: n }, (_, i) => {
    const moved = translation(dx[i]!, dy[i]!);
    return mirror[i] === 1 ? mirrored(moved, width) : moved;
  });
  return tf.tidy(() => affineSample(images, samplingGrid(maps, height, width)));
}
