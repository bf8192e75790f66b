import * as tf from "@tensorflow/tfjs-core";
import type { Normalisation } from "../dataset/image-dataset.ts";
import { imagePixels, normaliseImages } from "../dataset/pixel-space.ts";
import { permutation, uniform } from "../random/draw.ts";
import { foldIn, type Key } from "../random/key.ts";
import { contrast, hueRotation, perImage, saturation } from "./colour.ts";
import { drawCropBoxes, resizedCrop } from "./resized-crop.ts";

export interface ContrastiveViewOptions {
  readonly key: Key;
  /** Smallest share of the area that a crop keeps. */
  readonly smallestCrop: number;
  /**
   * Strength s: brightness, contrast and saturation by factors from 1 − 0.8s to 1 + 0.8s, hue by up to 0.2s of a turn. The paper has 1
   * for large photographs, 0.5 for 32 × 32.
   */
  readonly colourStrength: number;
  /** Share of the images that lose their colours. */
  readonly greyProbability: number;
  /** Mirror every other image, by chance. */
  readonly flip: boolean;
  /** Of the images. Colours are changed between 0 and 1, where they are seen. */
  readonly normalisation: Normalisation;
}

/** Share of the images whose colours are jittered at all. */
const JITTERED = 0.8;

/**
 * One random view of every image, for losses that compare two: random resized crop, flip, colour jitter, random grey; parameters are drawn
 * for each image. Colours stay within 0 … 1. Images of one channel keep brightness and contrast of the jitter. Differentiable in `images`.
 *
 * Differs: the order of the jitter's four parts is drawn for the whole batch; grey is the mean of the channels, hue turns about the
 * grey axis; no blur, which the paper leaves out on small images.
 *
 * @param images `[N, H, W, C]`, normalised.
 * @returns Of the same shape, normalised.
 * @see Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations" (ICML 2020), appendices A and B.9.
 */
export function contrastiveView(images: tf.Tensor4D, options: ContrastiveViewOptions): tf.Tensor4D {
  const { key, smallestCrop, flip, colourStrength: s, greyProbability, normalisation } = options;
  const [n, height, width] = images.shape;
  const boxes = drawCropBoxes(foldIn(key, "crop"), n, height, width, {
    scale: [smallestCrop, 1],
    flip: flip ? 0.5 : 0,
  });
  const isJittered = uniform(foldIn(key, "jitter"), n).map((u) => (u < JITTERED ? 1 : 0));
  const drawn = (name: string, limit: number): Float32Array =>
    uniform(foldIn(key, name), n, -1, 1).map((u, i) => isJittered[i]! * limit * s * u);
  const factors = (name: string): tf.Tensor4D => perImage(drawn(name, 0.8).map((x) => 1 + x));
  const jitter: readonly ((x: tf.Tensor4D) => tf.Tensor4D)[] = [
    (x) => tf.mul(x, factors("brightness")),
    (x) => contrast(x, factors("contrast")),
    (x) => saturation(x, factors("saturation")),
    (x) => hueRotation(x, drawn("hue", 0.2)),
  ];
  const order = permutation(foldIn(key, "order"), jitter.length);
  const colours = uniform(foldIn(key, "grey"), n).map((u) => (u < greyProbability ? 0 : 1));
  return tf.tidy(() => {
    let pixels = imagePixels(resizedCrop(images, boxes), normalisation);
    for (const i of order) pixels = tf.clipByValue(jitter[i]!(pixels), 0, 1);
    return normaliseImages(saturation(pixels, perImage(colours)), normalisation);
  });
}
