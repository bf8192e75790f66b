import * as tf from "@tensorflow/tfjs-core";
import {
  checkFactor,
  foldIn,
  initialise,
  samplesTogether,
  type Forecast,
  type RunContext,
  type SyntheticSet,
} from "@limbeck/core";
import { imagesPerGroup } from "./class-groups.ts";
import type { MatchingConfig } from "./config.ts";
import { augmentationOf, imagesPerStored } from "./synthetic-batch.ts";

/** What the family keeps between two steps. */
export type ImagesState = {
  /** `[K·ipc, H, W, C]`, normalised space, grouped by class. */
  readonly images: tf.Tensor4D;
  /** Momentum buffer of the images, same shape. */
  readonly velocity: tf.Tensor4D;
};

/** Initial images by the configuration's rule, and a momentum of zero. */
export function initialImages(context: RunContext, config: MatchingConfig): ImagesState {
  const images = initialise({
    kind: config.initialisation,
    dataset: context.dataset,
    real: context.real,
    ipc: config.ipc,
    factor: config.factor,
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
    ...(config.factor === 1 ? {} : { factor: config.factor }),
  };
}

/**
 * Cost of a step: one forward pass over the real images, forward and backward (twice a forward) over the synthetic ones.
 *
 * @throws {ConfigError} if the network is unknown or the factor does not fit the images.
 */
export function matchingForecast(context: RunContext, config: MatchingConfig): Forecast {
  const { classes: names, shape } = context.dataset;
  checkFactor("config", config.factor, shape);
  const network = context.network(config.network);
  const classes = names.length;
  const [height, width, channels] = shape;
  const stored = classes * config.ipc;
  const synthetic = stored * imagesPerStored(config);
  const real = classes * config.realBatch;
  const group = network.usesBatchStatistics
    ? Math.max(real, synthetic)
    : Math.max(
        imagesPerGroup(),
        config.ipc * imagesPerStored(config),
        samplesTogether(network, config.realBatch),
      );
  return {
    multiplyAddsPerStep: network.multiplyAdds * (real + 3 * synthetic),
    peakBytes:
      4 *
      (network.activationFloats * Math.min(group, real + synthetic) +
        (3 * stored + synthetic) * height * width * channels),
    setBytes: stored * (4 * height * width * channels + 4),
  };
}
