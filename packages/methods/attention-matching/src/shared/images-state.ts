import * as tf from "@tensorflow/tfjs-core";
import {
  foldIn,
  initialise,
  type Forecast,
  type ImageDataset,
  type RunContext,
  type SyntheticSet,
} from "@limbeck/core";
import type { MatchingConfig } from "./config.ts";

/** What the family keeps between two steps. */
export type ImagesState = {
  /** `[K·ipc, H, W, C]`, normalised space, grouped by class. */
  readonly images: tf.Tensor4D;
  /** Momentum buffer of the images, same shape. */
  readonly velocity: tf.Tensor4D;
};

/** Every group of the published strategy for natural images. */
const ALL_GROUPS = "color_crop_cutout_flip_scale_rotate";
/** The published strategy for digits, whose mirror images are other digits or none. */
const WITHOUT_FLIP = "color_crop_cutout_scale_rotate";

/** The augmentation a configuration means for a data set: `auto` resolved. */
export function augmentationOf(config: MatchingConfig, dataset: ImageDataset): string {
  if (config.augmentation !== "auto") return config.augmentation;
  return dataset.mirrorInvariant ? ALL_GROUPS : WITHOUT_FLIP;
}

/** Initial images by the configuration's rule, and a momentum of zero. */
export function initialImages(context: RunContext, config: MatchingConfig): ImagesState {
  const images = initialise({
    kind: config.initialisation,
    dataset: context.dataset,
    real: context.real,
    ipc: config.ipc,
    key: foldIn(context.key, "initialise"),
  });
  return { images, velocity: tf.zerosLike(images) };
}

/** The set as it stands: images read back, hard labels class by class. */
export function imagesResult(
  context: RunContext,
  state: ImagesState,
  config: MatchingConfig,
): Omit<SyntheticSet, "provenance"> {
  const { classes, shape, normalisation } = context.dataset;
  const size = classes.length * config.ipc;
  return {
    images: Float32Array.from(state.images.dataSync()),
    size,
    shape,
    classes,
    labels: { kind: "hard", values: Int32Array.from({ length: size }, (_, i) => Math.floor(i / config.ipc)) },
    normalisation,
    augmentation: augmentationOf(config, context.dataset),
  };
}

/** Cost of a step: one forward pass over the real images, forward and backward (twice a forward) over the synthetic ones. */
export function matchingForecast(context: RunContext, config: MatchingConfig): Forecast {
  const network = context.network(config.network);
  const classes = context.dataset.classes.length;
  const [height, width, channels] = context.dataset.shape;
  const real = classes * config.realBatch;
  const synthetic = classes * config.ipc;
  const group = network.usesBatchStatistics
    ? Math.max(real, synthetic)
    : Math.max(256, config.ipc, config.realBatch);
  return {
    multiplyAddsPerStep: network.multiplyAdds * (real + 3 * synthetic),
    peakBytes:
      4 *
      (network.activationFloats * Math.min(group, real + synthetic) +
        4 * synthetic * height * width * channels),
    setBytes: synthetic * (4 * height * width * channels + 4),
  };
}
