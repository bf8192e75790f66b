import * as tf from "@tensorflow/tfjs-core";
import {
  checkFactor,
  decodedRows,
  dsa,
  flipEmbedding,
  foldIn,
  multiFormation,
  oneHotLabels,
  permutation,
  samplesTogether,
  sgd,
  trainStep,
  type Forecast,
  type Key,
  type Network,
  type RunContext,
  type StepResult,
} from "@limbeck/core";
import { checkClasses } from "./check-classes.ts";
import { classGradient, frozenStatistics, realBatch, type DistanceOfGradients } from "./class-gradient.ts";
import { differenceDistance, globalCosineDistance, gradientDistance } from "./gradient-distance.ts";
import { loopsOf, type GradientConfig } from "./gradient-config.ts";
import { imageRate } from "./image-rate.ts";
import { initialImages, type ImagesState } from "./images-state.ts";
import { augmentationOf, imagesPerStored, siamese, syntheticBatch } from "./synthetic-batch.ts";

/** What DC and DSA keep between two steps. */
export type GradientState = ImagesState & {
  /** Parameters that the next step matches at, `[P]`. */
  readonly theta: tf.Tensor1D;
};

/** Initial images, and the first network. */
export function initialGradientState(context: RunContext, config: GradientConfig): GradientState {
  return { ...initialImages(context, config), theta: freshNetwork(context, config, 0) };
}

/**
 * One update of the images by gradient matching: for every class the gradient of the network's loss on its synthetic images is
 * moved towards that on real ones, then the network is trained on the synthetic images, or replaced by a fresh one where it has
 * served `outer` updates.
 *
 *     L = Σ_c D( ∇θ CE(A(S_c); θ), ∇θ CE(A(R_c); θ) )
 *
 * Classes are worked through one by one, so memory does not grow with their number. With batch normalisation the statistics
 * are those of real images and fixed while matching.
 *
 * Differs: augmentation, sampling and networks come from the run's key, where the authors' code uses the clock.
 *
 * @see Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching" (ICLR 2021), algorithm 1; Zhao and Bilen, "Dataset
 * Condensation with Differentiable Siamese Augmentation" (ICML 2021), algorithm 1.
 */
export function gradientMatchingStep(
  context: RunContext,
  state: GradientState,
  config: GradientConfig,
  step: number,
): StepResult<GradientState> {
  const key = foldIn(context.key, step);
  const network = context.network(config.network);
  const { outer } = loopsOf(config);
  const { gradient, distance } = imageGradient(context, state, config, network, key);
  const moved = tf.tidy(() => {
    const velocity = tf.add(tf.mul(state.velocity, config.imageMomentum), gradient) as tf.Tensor4D;
    const images = tf.sub(state.images, tf.mul(velocity, imageRate(config, step))) as tf.Tensor4D;
    return { images, velocity };
  });
  gradient.dispose();
  // The network that was matched last is not trained any more: the next step has a fresh one.
  if ((step + 1) % outer === 0) {
    const theta = freshNetwork(context, config, (step + 1) / outer);
    return { state: { ...moved, theta }, loss: distance, terms: { distance } };
  }
  const theta = trainOnSynthetic(context, moved.images, state.theta, config, network, key);
  return { state: { ...moved, theta }, loss: distance, terms: { distance } };
}

function freshNetwork(context: RunContext, config: GradientConfig, number: number): tf.Tensor1D {
  return context.network(config.network).init(foldIn(foldIn(context.key, "network"), number));
}

/** Σ_c D and its gradient in all images, class by class. */
function imageGradient(
  context: RunContext,
  { images, theta }: GradientState,
  config: GradientConfig,
  network: Network,
  key: Key,
): { readonly gradient: tf.Tensor4D; readonly distance: number } {
  const { dataset } = context;
  const [gradient, distance] = tf.tidy(() => {
    const statistics = frozenStatistics(context, network, theta, foldIn(key, "statistics"));
    const parts = dataset.classes.map((_, label) =>
      tf.tidy(() => {
        const real = realBatch(context, label, config.realBatch, key);
        const { gradient: part, distance: value } = classGradient({
          network,
          theta,
          statistics,
          label,
          real: siamese(real, config, dataset, key, label),
          stored: tf.slice(images, [label * config.ipc, 0, 0, 0], [config.ipc, -1, -1, -1]),
          batchOf: (stored) => syntheticBatch(stored, config, dataset, key, [label]),
          batchSize: config.ipc * imagesPerStored(config),
          distance: distanceOf(config, network),
        });
        return [part, value] as [tf.Tensor4D, tf.Scalar];
      }),
    );
    return [tf.concat(parts.map(([part]) => part)), tf.addN(parts.map(([, value]) => value))];
  }) as [tf.Tensor4D, tf.Scalar];
  const [value] = distance.dataSync();
  distance.dispose();
  return { gradient, distance: value! };
}

function distanceOf({ distance }: GradientConfig, { parameters }: Network): DistanceOfGradients {
  switch (distance) {
    case "layerwise-cosine":
      return (a, b) => gradientDistance(a, b, parameters);
    case "cosine":
      return globalCosineDistance;
    case "mse":
      return (a, b) => differenceDistance("mse", a, b, parameters);
  }
}

/**
 * Parameters after `inner` epochs of plain SGD on the synthetic images, decoded; each batch with its mirror images where the flip
 * embedding is on, and augmented image by image.
 */
function trainOnSynthetic(
  { dataset }: RunContext,
  images: tf.Tensor4D,
  start: tf.Tensor1D,
  config: GradientConfig,
  network: Network,
  stepKey: Key,
): tf.Tensor1D {
  const key = foldIn(stepKey, "inner");
  const strategy = augmentationOf(config, dataset);
  const optimiser = sgd();
  const { inner } = loopsOf(config);
  return tf.tidy(() => {
    const decoded = multiFormation(images, config.factor, dataset.normalisation);
    const hard = Int32Array.from({ length: images.shape[0] }, (_, i) => Math.floor(i / config.ipc));
    const labels = decodedRows(oneHotLabels(hard, network.classes), config.factor);
    const size = decoded.shape[0];
    const perEpoch = Math.ceil(size / config.networkBatch);
    let theta = tf.clone(start);
    for (let epoch = 0; epoch < inner; epoch++) {
      const order = permutation(foldIn(foldIn(key, "order"), epoch), size);
      for (let batch = 0; batch < perEpoch; batch++) {
        const own = foldIn(foldIn(key, "batch"), epoch * perEpoch + batch);
        const chosen = order.slice(batch * config.networkBatch, (batch + 1) * config.networkBatch);
        const next = tf.tidy(() => {
          const rows = tf.tensor1d(chosen, "int32");
          const [x, y] = [tf.gather(decoded, rows), tf.gather(labels, rows)];
          const embedded = config.flipEmbedding ? flipEmbedding(x) : x;
          const augmented = dsa(embedded, strategy, { key: own, siamese: false });
          const trained = trainStep({
            network,
            optimiser,
            theta,
            state: {},
            batch: { images: augmented, labels: config.flipEmbedding ? tf.concat([y, y]) : y },
            loss: { kind: "cross-entropy", temperature: 1, temperaturePower: 0 },
            learningRate: config.networkLearningRate,
          });
          return trained.theta;
        });
        theta.dispose();
        theta = next;
      }
    }
    return theta;
  });
}

/**
 * Cost of a step in forward passes of an image: 3 for each real one (forward and backward), 8 for each synthetic one (the
 * same, and the derivative of that in the images), and 3 for each training image and inner epoch.
 *
 * @throws {ConfigError} if the network is unknown, the factor does not fit the images, or there is a single class.
 */
export function gradientForecast(context: RunContext, config: GradientConfig): Forecast {
  const { classes: names, shape } = context.dataset;
  checkFactor("config", config.factor, shape);
  checkClasses(names.length);
  const network = context.network(config.network);
  const [height, width, channels] = shape;
  const pixels = height * width * channels;
  const stored = names.length * config.ipc;
  const synthetic = stored * imagesPerStored(config);
  const { outer, inner } = loopsOf(config);
  const matching = 3 * names.length * config.realBatch + 8 * synthetic;
  const training = (3 * synthetic * inner * (outer - 1)) / outer;
  const perClass = config.ipc * imagesPerStored(config);
  const batch = Math.max(
    samplesTogether(network, config.realBatch, "frozen"),
    4 * samplesTogether(network, perClass, "frozen"),
    samplesTogether(network, Math.min(synthetic, config.networkBatch)),
  );
  return {
    multiplyAddsPerStep: network.multiplyAdds * (matching + training),
    peakBytes:
      4 * (network.activationFloats * batch + 8 * network.parameterCount + (4 * stored + synthetic) * pixels),
    setBytes: stored * (4 * pixels + 4),
  };
}
