import {
  augmentationOf,
  foldIn,
  initialise,
  RunError,
  trainingPositions,
  type Embedding,
  type RealImages,
  type RunContext,
  type SyntheticSet,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import type { TrajectoryConfig } from "./config.ts";
import type { TrajectoryGradient } from "./trajectory-gradient.ts";

/** What every method of the family keeps between two steps. */
export type TrajectoryState = {
  /** `[K·ipc, H, W, C]`, normalised space, grouped by class. */
  readonly images: tf.Tensor4D;
  /** Momentum of the images, same shape. */
  readonly velocity: tf.Tensor4D;
  /** η of the student. */
  readonly stepSize: number;
  /** Momentum of η. */
  readonly stepSizeVelocity: number;
  /** Steps in a row that a guard has held back. */
  readonly guarded: number;
  /** Running mean of the length of the images' gradient, where it is limited; 0 before the first step, absent in older checkpoints. */
  readonly gradientLength?: number;
};

/** η stays between these: below 0 the student would climb, far above it diverges. */
const STEP_SIZES = [1e-6, 1] as const;
/** Guarded steps in a row after which a run has diverged. */
const MOST_GUARDED = 200;
/** Weight of what was in the running mean of gradients' lengths. */
const LENGTH_DECAY = 0.9;

/** The real images that a run may learn from: those of the context without the held-out ones. */
export function trainingImages(context: RunContext, share: number): RealImages {
  if (share === 0) return context.real;
  const allowed = new Set(trainingPositions(context.dataset, share));
  return {
    ofClass: (label) => context.real.ofClass(label).filter((position) => allowed.has(position)),
    read: (indices) => context.real.read(indices),
  };
}

/** First images by the configuration's rule. @param embed For `kmeans`: the space to cluster in. */
export function firstImages(context: RunContext, config: TrajectoryConfig, embed?: Embedding): tf.Tensor4D {
  return initialise({
    kind: config.initialisation,
    dataset: context.dataset,
    real: trainingImages(context, config.validationShare),
    ipc: config.ipc,
    factor: config.factor,
    key: foldIn(context.key, "initialise"),
    ...(embed === undefined ? {} : { embed }),
  });
}

/** A state before the first step. It takes over the images. */
export function initialState(images: tf.Tensor4D, { stepSize }: TrajectoryConfig): TrajectoryState {
  return {
    images,
    velocity: tf.zerosLike(images),
    stepSize,
    stepSizeVelocity: 0,
    guarded: 0,
    gradientLength: 0,
  };
}

/**
 * SGD with momentum on images and step size; none where the loss is above the threshold or the gradient longer than its limit: then the
 * images are those of `state`, not copies. The step size is kept in [1e-6, 1].
 *
 * Differs: the released codes let the step size become negative, which ends the run at its next evaluation, and take every gradient
 * as it is.
 *
 * @throws {RunError} if a guard has held back 200 steps in a row.
 */
export function updatedState(
  state: TrajectoryState,
  gradient: Pick<TrajectoryGradient, "loss" | "images" | "stepSize">,
  config: TrajectoryConfig,
): TrajectoryState {
  const guarded = state.guarded + 1;
  const length = config.gradientLimit === "none" ? undefined : lengthOf(gradient.images);
  const held = reasonToHold(state, gradient.loss, length, config);
  if (held !== undefined) {
    checkGuarded(guarded, held);
    const { images, velocity, stepSize, stepSizeVelocity, gradientLength = 0 } = state;
    return { images, velocity, stepSize, stepSizeVelocity, guarded, gradientLength };
  }
  const stepSizeVelocity = config.stepSizeMomentum * state.stepSizeVelocity + gradient.stepSize;
  const wanted = state.stepSize - config.stepSizeLearningRate * stepSizeVelocity;
  const stepSize = Math.min(Math.max(wanted, STEP_SIZES[0]), STEP_SIZES[1]);
  if (stepSize !== wanted) {
    checkGuarded(guarded, `the step size of the student left [${STEP_SIZES.join(", ")}], now ${wanted}`);
  }
  const { values: images, velocity } = sgdStep(
    state.images,
    state.velocity,
    gradient.images,
    config.imageLearningRate,
    config.imageMomentum,
  );
  return {
    images,
    velocity,
    stepSize,
    stepSizeVelocity,
    guarded: stepSize === wanted ? 0 : guarded,
    gradientLength: length === undefined ? 0 : runningMean(length, state.gradientLength),
  };
}

/** Why a step changes nothing, where it is so. */
function reasonToHold(
  { gradientLength = 0 }: Pick<TrajectoryState, "gradientLength">,
  loss: number,
  length: number | undefined,
  { lossThreshold, gradientLimit }: Pick<TrajectoryConfig, "lossThreshold" | "gradientLimit">,
): string | undefined {
  if (lossThreshold !== "none" && loss > lossThreshold) {
    return `the loss was above ${lossThreshold}, now ${loss}`;
  }
  if (gradientLimit === "none" || length === undefined) return undefined;
  const most = gradientLength > 0 ? gradientLimit * gradientLength : Infinity;
  return length > most ? `the gradient of the images was longer than ${most}, now ${length}` : undefined;
}

function lengthOf(gradient: tf.Tensor): number {
  return tf.tidy(() => tf.norm(gradient).dataSync()[0]!);
}

function runningMean(length: number, before = 0): number {
  return before > 0 ? LENGTH_DECAY * before + (1 - LENGTH_DECAY) * length : length;
}

/** `v ← μ·v + g`, `x ← x − η·v`: new tensors, which the caller owns. */
export function sgdStep<T extends tf.Tensor>(
  values: T,
  velocity: T,
  gradient: T,
  learningRate: number,
  momentum: number,
): { readonly values: T; readonly velocity: T } {
  return tf.tidy(() => {
    const next = tf.add(tf.mul(velocity, momentum), gradient) as T;
    return { values: tf.sub(values, tf.mul(next, learningRate)) as T, velocity: next };
  });
}

function checkGuarded(guarded: number, what: string): void {
  if (guarded < MOST_GUARDED) return;
  throw new RunError(
    `trajectory matching: diverged: in ${guarded} steps in a row ${what}; lower imageLearningRate or stepSizeLearningRate, or start later or earlier in the experts' training`,
  );
}

/** Class of every stored image. */
export function hardLabels({ classes }: Pick<SyntheticSet, "classes">, ipc: number): Int32Array {
  return Int32Array.from({ length: classes.length * ipc }, (_, i) => Math.floor(i / ipc));
}

/** The set as it stands. @param labels Default: the classes. */
export function trajectoryResult(
  { dataset }: RunContext,
  { images, stepSize }: Pick<TrajectoryState, "images" | "stepSize">,
  config: TrajectoryConfig,
  labels: SyntheticSet["labels"] = { kind: "hard", values: hardLabels(dataset, config.ipc) },
): Omit<SyntheticSet, "provenance"> {
  return {
    images: Float32Array.from(images.dataSync()),
    size: dataset.classes.length * config.ipc,
    shape: dataset.shape,
    classes: dataset.classes,
    labels,
    normalisation: dataset.normalisation,
    augmentation: augmentationOf(config, dataset),
    stepSize,
    ...(config.factor === 1 ? {} : { factor: config.factor }),
  };
}
