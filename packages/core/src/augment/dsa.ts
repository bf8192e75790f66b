import * as tf from "@tensorflow/tfjs-core";
import { ensureGradients } from "../grad/ensure-gradients.ts";
import { foldIn, type Key } from "../random/key.ts";
import { integers, uniform } from "../random/draw.ts";
import { affineSample } from "./affine-sample.ts";
import { brightness, contrast, perImage, saturation } from "./colour.ts";
import { centred, IDENTITY, mirrored, samplingGrid, translation, type AffineMap } from "./sampling-grid.ts";
import { parseStrategy, type DsaGroup } from "./strategy.ts";

/** Ranges of the published code; the strategy strings of all papers of the family mean these. */
export const DSA_RANGES = {
  /** Width of the interval of brightness shifts, centred at 0. */
  brightness: 1,
  /** Upper end of the saturation factors, from 0. */
  saturation: 2,
  /** Lower end of the contrast factors; the upper is 1 more. */
  contrast: 0.5,
  /** Largest shift as a share of the side. */
  crop: 0.125,
  /** Side of the square as a share of the image's. */
  cutout: 0.5,
  /** Probability of mirroring. */
  flip: 0.5,
  /** Largest zoom; the smallest is its reciprocal. */
  scale: 1.2,
  /** Largest angle in degrees, either way. */
  rotate: 15,
} as const;

export interface DsaOptions {
  readonly key: Key;
  /**
   * One draw of the parameters for the whole batch: two calls with one key give batches of any two sizes the same
   * transformation, the contract between real and synthetic images. Otherwise every image has its own draw.
   */
  readonly siamese: boolean;
}

/**
 * Differentiable siamese augmentation: of each stage of the strategy one group, chosen by the key for the whole batch, is
 * applied. (Plain strategies have one stage, see {@link parseStrategy}.)
 *
 * Differentiable in `images`, any number of times. Works in normalised space: vacated pixels become 0, the data set's mean.
 *
 * Differs: parameters come from a key; the authors' code seeds from the clock.
 *
 * @param images `[N, H, W, C]`.
 * @param strategy Such as `color_crop_cutout_flip_scale_rotate`, `flip+color_crop_cutout_scale_rotate`, or `none`.
 * @throws {ConfigError} on an unknown group.
 * @see Zhao and Bilen, "Dataset Condensation with Differentiable Siamese Augmentation" (ICML 2021), section 3.2.
 */
export function dsa(images: tf.Tensor4D, strategy: string, { key, siamese }: DsaOptions): tf.Tensor4D {
  const stages = parseStrategy(strategy);
  if (stages.length === 0 || images.shape[0] === 0) return tf.clone(images);
  return tf.tidy(() =>
    stages.reduce((batch, groups, stage) => {
      const own = stage === 0 ? key : foldIn(foldIn(key, "stage"), stage);
      const [pick] = integers(foldIn(own, "group"), 1, 0, groups.length);
      return applyGroup(batch, groups[pick!]!, foldIn(own, "parameters"), siamese ? 1 : images.shape[0]);
    }, images),
  );
}

/**
 * One group of {@link dsa} with parameters drawn from `key`.
 *
 * @param draws 1 (all images alike) or N. The first image's parameters are the same either way.
 */
export function applyGroup(images: tf.Tensor4D, group: DsaGroup, key: Key, draws: number): tf.Tensor4D {
  ensureGradients();
  const [, height, width] = images.shape;
  const numbers = (name: string, low: number, high: number) => uniform(foldIn(key, name), draws, low, high);
  switch (group) {
    case "color": {
      const { brightness: b, saturation: s, contrast: c } = DSA_RANGES;
      return tf.tidy(() => {
        const shifted = brightness(images, perImage(numbers("brightness", -b / 2, b / 2)));
        const saturated = saturation(shifted, perImage(numbers("saturation", 0, s)));
        return contrast(saturated, perImage(numbers("contrast", c, c + 1)));
      });
    }
    case "crop": {
      const [limitX, limitY] = [cropShift(width), cropShift(height)];
      const dx = integers(foldIn(key, "dx"), draws, -limitX, limitX + 1);
      const dy = integers(foldIn(key, "dy"), draws, -limitY, limitY + 1);
      return warp(images, draws, (i) => translation(dx[i]!, dy[i]!));
    }
    case "cutout":
      return tf.tidy(() => tf.mul(images, cutoutMask(key, draws, height, width)));
    case "flip": {
      const u = numbers("flip", 0, 1);
      return warp(images, draws, (i) => (u[i]! < DSA_RANGES.flip ? mirrored(IDENTITY, width) : IDENTITY));
    }
    case "scale": {
      const zoom = DSA_RANGES.scale;
      const sx = numbers("sx", 1 / zoom, zoom);
      const sy = numbers("sy", 1 / zoom, zoom);
      return warp(images, draws, (i) => centred(sx[i]!, 0, 0, sy[i]!, height, width));
    }
    case "rotate": {
      const angle = numbers("angle", -DSA_RANGES.rotate, DSA_RANGES.rotate);
      return warp(images, draws, (i) => {
        const radians = (angle[i]! * Math.PI) / 180;
        const [cos, sin] = [Math.cos(radians), Math.sin(radians)];
        return centred(cos, -sin, sin, cos, height, width);
      });
    }
  }
}

/** Largest shift of `crop` for a side of `size` pixels. */
export function cropShift(size: number): number {
  return Math.floor(size * DSA_RANGES.crop + 0.5);
}

/** Side of the square of `cutout` for a side of `size` pixels. */
export function cutoutSide(size: number): number {
  return Math.floor(size * DSA_RANGES.cutout + 0.5);
}

/** 0 inside one square per draw and 1 elsewhere, `[draws, H, W, 1]`. Squares may stick out of the image. */
function cutoutMask(key: Key, draws: number, height: number, width: number): tf.Tensor4D {
  const [tall, wide] = [cutoutSide(height), cutoutSide(width)];
  const rows = integers(foldIn(key, "row"), draws, 0, height + 1 - (tall % 2));
  const columns = integers(foldIn(key, "column"), draws, 0, width + 1 - (wide % 2));
  const mask = new Float32Array(draws * height * width).fill(1);
  for (let n = 0; n < draws; n++) {
    const top = rows[n]! - Math.floor(tall / 2);
    const left = columns[n]! - Math.floor(wide / 2);
    for (let i = Math.max(0, top); i < Math.min(height, top + tall); i++) {
      const row = (n * height + i) * width;
      mask.fill(0, row + Math.max(0, left), row + Math.min(width, left + wide));
    }
  }
  return tf.tensor4d(mask, [draws, height, width, 1]);
}

function warp(images: tf.Tensor4D, draws: number, map: (draw: number) => AffineMap): tf.Tensor4D {
  const [, height, width] = images.shape;
  const maps = Array.from({ length: draws }, (_, i) => map(i));
  return tf.tidy(() => affineSample(images, samplingGrid(maps, height, width)));
}
