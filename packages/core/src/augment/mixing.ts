import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../errors.ts";
import { ensureGradients } from "../grad/ensure-gradients.ts";
import { beta } from "../random/beta.ts";
import { integers, permutation } from "../random/draw.ts";
import { foldIn, type Key } from "../random/key.ts";

/** How the images of one batch are mixed with each other; enough to repeat it. */
export interface Mixing {
  /** Image i is mixed with image `partner[i]`. */
  readonly partner: Int32Array;
  /** Share of image i in the mixture, in [0, 1]; its partner has the rest. */
  readonly share: number;
  /** CutMix: the pixels that come from the partner. Absent: MixUp. */
  readonly box?: {
    readonly top: number;
    readonly left: number;
    readonly height: number;
    readonly width: number;
  };
}

/** MixUp for a batch of `n`: share from Beta(`alpha`, `alpha`), partners from a random permutation. */
export function drawMixup(key: Key, n: number, alpha = 1): Mixing {
  return { partner: permutation(foldIn(key, "partner"), n), share: beta(foldIn(key, "share"), alpha) };
}

/**
 * CutMix for a batch of `n` images: a box of about 1 − Beta(`alpha`, `alpha`) of the area around a random centre, cut off at
 * the borders; `share` is what the box really leaves.
 *
 * @see Yun et al., "CutMix: regularization strategy to train strong classifiers with localizable features" (ICCV 2019).
 */
export function drawCutmix(key: Key, n: number, height: number, width: number, alpha = 1): Mixing {
  const side = Math.sqrt(1 - beta(foldIn(key, "share"), alpha));
  const [h, w] = [Math.floor(height * side), Math.floor(width * side)];
  const [y] = integers(foldIn(key, "row"), 1, 0, height);
  const [x] = integers(foldIn(key, "column"), 1, 0, width);
  const [top, left] = [Math.max(0, y! - Math.floor(h / 2)), Math.max(0, x! - Math.floor(w / 2))];
  const box = {
    top,
    left,
    height: Math.min(height, y! - Math.floor(h / 2) + h) - top,
    width: Math.min(width, x! - Math.floor(w / 2) + w) - left,
  };
  const partner = permutation(foldIn(key, "partner"), n);
  return { partner, share: 1 - (box.height * box.width) / (height * width), box };
}

/**
 * Mixes every image with its partner: MixUp `share·x + (1 − share)·x[partner]`, or CutMix, the box from the partner.
 * Differentiable in `images`.
 *
 * @param images `[N, H, W, C]`.
 * @throws {ShapeError} if the partners are not N.
 */
export function mixImages(images: tf.Tensor4D, mixing: Mixing): tf.Tensor4D {
  const [n, height, width] = images.shape;
  checkPartners("mixImages", n, mixing);
  const { box } = mixing;
  return tf.tidy(() => {
    if (box === undefined) return blend(images, mixing.partner, tf.scalar(mixing.share)) as tf.Tensor4D;
    const kept = new Float32Array(height * width).fill(1);
    for (let i = box.top; i < box.top + box.height; i++) {
      kept.fill(0, i * width + box.left, i * width + box.left + box.width);
    }
    return blend(images, mixing.partner, tf.tensor4d(kept, [1, height, width, 1])) as tf.Tensor4D;
  });
}

/** The labels of {@link mixImages}: `share·y + (1 − share)·y[partner]`, `[N, K]`. Differentiable in `labels`. */
export function mixLabels(labels: tf.Tensor2D, mixing: Mixing): tf.Tensor2D {
  checkPartners("mixLabels", labels.shape[0], mixing);
  return tf.tidy(() => blend(labels, mixing.partner, tf.scalar(mixing.share)) as tf.Tensor2D);
}

function blend(x: tf.Tensor, partner: Int32Array, kept: tf.Tensor): tf.Tensor {
  ensureGradients();
  const other = tf.gather(x, tf.tensor1d(partner, "int32"));
  return tf.add(tf.mul(x, kept), tf.mul(other, tf.sub(1, kept)));
}

function checkPartners(where: string, n: number, { partner }: Mixing): void {
  if (partner.length !== n) {
    throw new ShapeError(`${where}: the mixing must be for ${n} images, got one for ${partner.length}`);
  }
}
