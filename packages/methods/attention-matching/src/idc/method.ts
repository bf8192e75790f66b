import * as tf from "@tensorflow/tfjs-core";
import {
  checkFactor,
  choice,
  ConfigError,
  foldIn,
  normaliseImages,
  samplesTogether,
  type DistillationMethod,
  type Forecast,
  type Key,
  type Network,
  type NetworkStatistics,
  type ParameterEntry,
  type RunContext,
  type StepResult,
} from "@limbeck/core";
import { imageRate } from "../shared/image-rate.ts";
import { checkClasses } from "../shared/check-classes.ts";
import { classGradient, frozenStatistics, realBatch } from "../shared/class-gradient.ts";
import { differenceDistance } from "../shared/gradient-distance.ts";
import { initialPixels, pixelResult } from "../shared/pixel-images.ts";
import { imagesPerStored, siamese, syntheticBatch } from "../shared/synthetic-batch.ts";
import { idcConfigSchema, type IdcConfig } from "./config.ts";
import { freshNetwork, trainOnReal, type NetworkState } from "./network-training.ts";
import { idcPresets } from "./presets.ts";

/** What IDC keeps between two steps. */
export type IdcState = NetworkState & {
  /** Stored images as pixels, `[K·ipc, H, W, C]`; in [0, 1] at the start of every network. */
  readonly pixels: tf.Tensor4D;
  /** Momentum buffer of the pixels, same shape. */
  readonly velocity: tf.Tensor4D;
};

/**
 * IDC: gradient matching of the convolution filters' gradients, on networks that train on the real images, with several training
 * images in every stored one.
 *
 *     L = Σ_c d( ∇θ CE(A(f(S_c)); θ), ∇θ CE(A(R_c); θ) ),  f the multi-formation, d a sum of squared or absolute differences
 *
 * A step updates the images of every class in turn and then trains the network. The momentum of all images moves on at each of
 * these updates, as one optimiser over all of them does.
 *
 * Differs: the images are normalised before they are decoded, so that whitened sets decode as they will be trained on; for
 * means and standard deviations it is the same. The set's pixels are brought into [0, 1] once more at the end.
 *
 * @see Kim et al., "Dataset Condensation via Efficient Synthetic-Data Parameterization" (ICML 2022), eq. 3, algorithm 1 and the
 * authors' code.
 */
export const idc: DistillationMethod<typeof idcConfigSchema, IdcState> = {
  id: "idc",
  title: "IDC: efficient synthetic-data parameterisation",
  cite: `@inproceedings{kim2022idc,
  title     = {Dataset Condensation via Efficient Synthetic-Data Parameterization},
  author    = {Kim, Jang-Hyun and Kim, Jinuk and Oh, Seong Joon and Yun, Sangdoo and Song, Hwanjun and Jeong, Joonhyun and Ha, Jung-Woo and Song, Hyun Oh},
  booktitle = {International Conference on Machine Learning},
  year      = {2022}
}`,
  configSchema: idcConfigSchema,
  presets: idcPresets,
  openEnded: true,
  steps: (config) => config.iterations,
  forecast,
  init(context, config) {
    const pixels = initialPixels(context, config);
    return { pixels, velocity: tf.zerosLike(pixels), ...freshNetwork(context, config, 0) };
  },
  step: idcStep,
  result(context, { pixels }, config) {
    const clamped = tf.clipByValue(pixels, 0, 1);
    const set = pixelResult(context, clamped, config);
    clamped.dispose();
    return set;
  },
};

function idcStep(
  context: RunContext,
  state: IdcState,
  config: IdcConfig,
  step: number,
): StepResult<IdcState> {
  const key = foldIn(context.key, step);
  const { pixels, velocity, distance } = updatePixels(context, state, config, step, key);
  const next = { pixels, velocity };
  const terms = { distance, training: 0 };
  if ((step + 1) % config.updatesPerNetwork === 0) {
    const number = (step + 1) / config.updatesPerNetwork;
    return { state: { ...next, ...freshNetwork(context, config, number) }, loss: distance, terms };
  }
  const trained = trainOnReal(context, config, state, config.trainingImages, foldIn(key, "training"));
  return {
    state: { ...next, ...trained.state },
    loss: distance,
    terms: { ...terms, training: trained.loss },
  };
}

/** The images of every class moved, and the sum of the distances. */
function updatePixels(
  context: RunContext,
  state: IdcState,
  config: IdcConfig,
  step: number,
  key: Key,
): { readonly pixels: tf.Tensor4D; readonly velocity: tf.Tensor4D; readonly distance: number } {
  const network = context.network(config.network);
  const filters = filtersOf(network);
  const { classes } = context.dataset;
  const { imageRateHalfLife } = config;
  const rate = imageRate({ imageLearningRate: pixelRate(config, context), imageRateHalfLife }, step);
  const moved = tf.tidy(() => {
    const statistics = frozenStatistics(context, network, state.theta, foldIn(key, "statistics"));
    const start = step % config.updatesPerNetwork === 0 ? tf.clipByValue(state.pixels, 0, 1) : state.pixels;
    const parts = classes.map((_, label) =>
      tf.tidy(() => {
        const rows = (all: tf.Tensor4D) =>
          tf.slice(all, [label * config.ipc, 0, 0, 0], [config.ipc, -1, -1, -1]);
        const reached = coast(rows(start), rows(state.velocity), config.imageMomentum, rate, label);
        const { gradient, distance } = pixelGradient(context, config, state.theta, statistics, filters, {
          pixels: reached.pixels,
          label,
          key,
        });
        const velocity = tf.add(tf.mul(reached.velocity, config.imageMomentum), gradient) as tf.Tensor4D;
        const pixels = tf.sub(reached.pixels, tf.mul(velocity, rate)) as tf.Tensor4D;
        const rest = coast(pixels, velocity, config.imageMomentum, rate, classes.length - 1 - label);
        return [rest.pixels, rest.velocity, distance] as const as unknown as tf.Tensor[];
      }),
    ) as [tf.Tensor4D, tf.Tensor4D, tf.Scalar][];
    return [
      tf.concat(parts.map(([pixels]) => pixels)),
      tf.concat(parts.map(([, velocity]) => velocity)),
      tf.addN(parts.map(([, , distance]) => distance)),
    ];
  }) as [tf.Tensor4D, tf.Tensor4D, tf.Scalar];
  const [pixels, velocity, sum] = moved;
  const [distance] = sum.dataSync();
  sum.dispose();
  return { pixels, velocity, distance: distance! };
}

/**
 * `n` updates of SGD without a gradient, in one: momentum carries the images on by `−rate · velocity · (μ + μ² + … + μⁿ)`. Every
 * class coasts so while the others have their turn.
 */
function coast(
  pixels: tf.Tensor4D,
  velocity: tf.Tensor4D,
  momentum: number,
  rate: number,
  n: number,
): { readonly pixels: tf.Tensor4D; readonly velocity: tf.Tensor4D } {
  if (n === 0 || momentum === 0) return { pixels, velocity: n === 0 ? velocity : tf.zerosLike(velocity) };
  const carried = (momentum * (1 - momentum ** n)) / (1 - momentum);
  return {
    pixels: tf.sub(pixels, tf.mul(velocity, rate * carried)),
    velocity: tf.mul(velocity, momentum ** n),
  };
}

/** The distance of one class's gradients and its derivative in the pixels of its stored images. */
function pixelGradient(
  context: RunContext,
  config: IdcConfig,
  theta: tf.Tensor1D,
  statistics: NetworkStatistics | undefined,
  filters: readonly ParameterEntry[],
  { pixels, label, key }: { readonly pixels: tf.Tensor4D; readonly label: number; readonly key: Key },
): { readonly distance: tf.Scalar; readonly gradient: tf.Tensor4D } {
  const { dataset } = context;
  const decoded = config.ipc * imagesPerStored(config);
  const all = Int32Array.from({ length: decoded }, (_, i) => i);
  const chosen =
    decoded > config.syntheticBatch
      ? choice(foldIn(foldIn(key, "synthetic"), label), all, config.syntheticBatch)
      : undefined;
  return classGradient({
    network: context.network(config.network),
    theta,
    statistics,
    label,
    real: siamese(realBatch(context, label, config.realBatch, key), config, dataset, key, label),
    stored: pixels,
    batchOf(stored) {
      const normalised = normaliseImages(stored, dataset.normalisation);
      const batch = syntheticBatch(normalised, config, dataset, key, [label]);
      return chosen === undefined ? batch : tf.gather(batch, tf.tensor1d(chosen, "int32"));
    },
    batchSize: chosen?.length ?? decoded,
    distance: (a, b) => differenceDistance(config.distance, a, b, filters),
  });
}

/** First SGD step on the pixels: `base · ipc/10 · (side/baseSize)²`. */
function pixelRate({ baseLearningRate, baseSize, ipc }: IdcConfig, { dataset }: RunContext): number {
  return baseLearningRate * (ipc / 10) * (dataset.shape[0] / baseSize) ** 2;
}

/** The convolution filters: all that is matched. @throws {ConfigError} if the network has none. */
function filtersOf({ name, parameters }: Network): readonly ParameterEntry[] {
  const filters = parameters.filter(({ shape }) => shape.length === 4);
  if (filters.length > 0) return filters;
  throw new ConfigError(
    `idc: network ${name} has no convolution filters, and their gradients are all that is matched; choose a convolutional network, or dc`,
  );
}

/**
 * Cost of a step in forward passes of an image: 3 for each real one that is matched or trained on, 8 for each synthetic one.
 *
 * @throws {ConfigError} if the network is unknown or has no filters, the factor does not fit, or there is a single class.
 */
function forecast(context: RunContext, config: IdcConfig): Forecast {
  const { classes: names, shape, train } = context.dataset;
  checkFactor("config", config.factor, shape);
  checkClasses(names.length);
  const network = context.network(config.network);
  filtersOf(network);
  const [height, width, channels] = shape;
  const pixels = height * width * channels;
  const stored = names.length * config.ipc;
  const decoded = config.ipc * imagesPerStored(config);
  const synthetic = Math.min(decoded, config.syntheticBatch);
  const training =
    Math.min(config.trainingImages, train.size) +
    (config.pretrainEpochs * train.size) / config.updatesPerNetwork;
  const batch = Math.max(
    samplesTogether(network, config.realBatch, "frozen"),
    4 * samplesTogether(network, synthetic, "frozen"),
    samplesTogether(network, config.trainingBatch),
  );
  return {
    multiplyAddsPerStep:
      network.multiplyAdds * (names.length * (3 * config.realBatch + 8 * synthetic) + 3 * training),
    peakBytes:
      4 *
      (network.activationFloats * batch + 10 * network.parameterCount + (4 * stored + 3 * decoded) * pixels),
    setBytes: stored * (4 * pixels + 4),
  };
}
