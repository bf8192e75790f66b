import type * as tf from "@tensorflow/tfjs-core";
import { cropFlip } from "../augment/crop-flip.ts";
import { dcAugment } from "../augment/dc-augment.ts";
import { dsa } from "../augment/dsa.ts";
import { drawCutmix, drawMixup, mixImages, mixLabels } from "../augment/mixing.ts";
import { drawCropBoxes, resizedCrop } from "../augment/resized-crop.ts";
import { parseStrategy } from "../augment/strategy.ts";
import { uniform } from "../random/draw.ts";
import { foldIn, type Key } from "../random/key.ts";
import type { Recipe } from "./recipe.ts";

/** Images and their label rows. */
export interface Batch {
  /** `[N, H, W, C]`, normalised. */
  readonly images: tf.Tensor4D;
  /** `[N, K]`. */
  readonly labels: tf.Tensor2D;
  /** A teacher's scores `[N, K]`, where there is one; mixed as the images are. */
  readonly scores?: tf.Tensor2D;
}

type Augmentation = (images: tf.Tensor4D, key: Key) => tf.Tensor4D;

const NAMED: Readonly<Record<string, Augmentation>> = {
  crop: (images, key) => cropFlip(images, { key, flip: false }),
  "crop-flip": (images, key) => cropFlip(images, { key }),
  "dc-crop-scale-rotate": (images, key) => dcAugment(images, ["crop", "scale", "rotate"], key),
  "dc-crop-noise": (images, key) => dcAugment(images, ["crop", "noise"], key),
  "resized-crop": (images, key) =>
    resizedCrop(images, drawCropBoxes(key, images.shape[0], images.shape[1], images.shape[2])),
};

/**
 * The augmentation of a recipe as a function of a batch and a key; parameters are drawn per image.
 *
 * @throws {ConfigError} if the recipe's augmentation is neither a known name nor a DSA strategy.
 */
export function batchAugmentation({
  augmentation,
  mixing,
}: {
  readonly augmentation: string;
  readonly mixing?: Recipe["mixing"];
}): (batch: Batch, key: Key) => Batch {
  const named = NAMED[augmentation];
  if (named === undefined) parseStrategy(augmentation);
  const augment: Augmentation =
    named ?? ((images, key) => dsa(images, augmentation, { key, siamese: false }));
  return (batch, key) => {
    const images = augmentation === "none" ? batch.images : augment(batch.images, foldIn(key, "augment"));
    if (mixing === undefined || uniform(foldIn(key, "mix"), 1)[0]! >= mixing.probability) {
      return { ...batch, images };
    }
    const [n, height, width] = images.shape;
    const own = foldIn(key, "mixing");
    const drawn =
      mixing.kind === "mixup"
        ? drawMixup(own, n, mixing.alpha)
        : drawCutmix(own, n, height, width, mixing.alpha);
    return {
      images: mixImages(images, drawn),
      labels: mixLabels(batch.labels, drawn),
      ...(batch.scores === undefined ? {} : { scores: mixLabels(batch.scores, drawn) }),
    };
  };
}
