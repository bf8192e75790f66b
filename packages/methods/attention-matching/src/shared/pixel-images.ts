import type * as tf from "@tensorflow/tfjs-core";
import {
  checkFactor,
  foldIn,
  initialise,
  normaliseImages,
  pixelSpace,
  realImages,
  type InitialiseOptions,
  type RunContext,
  type SyntheticSet,
  numbersOf,
} from "@limbeck/core";
import { augmentationOf } from "./synthetic-batch.ts";

/** What decides the stored images of a method that optimises pixels in [0, 1]. */
export interface PixelConfig {
  readonly ipc: number;
  readonly factor: number;
  readonly initialisation: InitialiseOptions["kind"];
  readonly augmentation: string;
}

/**
 * First images as pixels in [0, 1], `[K·ipc, H, W, C]`, class by class. The caller owns the tensor.
 *
 * @throws {ConfigError} if the factor does not fit the images.
 * @throws {DataError} if a class is too small.
 */
export function initialPixels(context: RunContext, config: PixelConfig): tf.Tensor4D {
  const { dataset, key } = context;
  return initialise({
    kind: config.initialisation,
    dataset,
    real: realImages(dataset, pixelSpace(dataset.shape[2])),
    ipc: config.ipc,
    factor: config.factor,
    key: foldIn(key, "initialise"),
  });
}

/** The set of some pixels: normalised images, hard labels class by class. */
export function pixelResult(
  context: RunContext,
  pixels: tf.Tensor4D,
  config: PixelConfig,
): Omit<SyntheticSet, "provenance"> {
  const { classes, shape, normalisation } = context.dataset;
  checkFactor("config", config.factor, shape);
  const size = classes.length * config.ipc;
  const images = numbersOf(() => normaliseImages(pixels, normalisation));
  return {
    images,
    size,
    shape,
    classes,
    labels: { kind: "hard", values: Int32Array.from({ length: size }, (_, i) => Math.floor(i / config.ipc)) },
    normalisation,
    augmentation: augmentationOf(config, context.dataset),
    ...(config.factor === 1 ? {} : { factor: config.factor }),
  };
}
