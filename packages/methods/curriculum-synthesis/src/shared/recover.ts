import {
  adam,
  choice,
  DataError,
  foldIn,
  normal,
  oneHotLabels,
  scheduleFactor,
  softmaxCrossEntropy,
  type Forecast,
  type Key,
  type OptimiserState,
  type RunContext,
  type StepResult,
  type SyntheticSet,
  type Teacher,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { batchCount, batchPlaces, type Place } from "./batches.ts";
import type { RecoverConfig } from "./config.ts";
import { meanLength, momentsOf, statisticsLoss, totalVariation, valueOf } from "./matching-loss.ts";
import { clampToPixels, requirePixels } from "./pixel-range.ts";
import { teacherView, type ViewOptions } from "./view.ts";

/** What recovery keeps between two steps: finished batches, and the one at work with its optimiser. */
export type RecoverState = {
  /** Images of finished batches by their number, `[B, H, W, C]` each, in the order of `batchPlaces`. */
  readonly finished: { readonly [batch: string]: tf.Tensor4D };
  /** Number of the batch at work. */
  readonly batch: number;
  /** `[B, H, W, C]`, normalised space. */
  readonly images: tf.Tensor4D;
  /** Adam's moments; fresh for every batch. */
  readonly optimiser: OptimiserState;
};

/** Tensors of an activation's size that one derivative through a layer with separate normalisation holds, by measurement. */
export const ACTIVATION_COPIES = 5;

/** Adam on the images, as published. */
export const imageOptimiser = adam({ betas: [0.5, 0.9] });

/** Steps of a run: every batch has its iterations, one after the other. */
export function recoverSteps(
  config: RecoverConfig,
  { classes }: { readonly classes: readonly string[] },
): number {
  return config.iterations * batchCount(classes.length, config);
}

/** First images of a batch, `[B, H, W, C]`. @throws {DataError} if a class has too few images (`real`). */
function initialBatch({ dataset, real, key }: RunContext, config: RecoverConfig, batch: number): tf.Tensor4D {
  const places = batchPlaces(batch, dataset.classes.length, config);
  const own = foldIn(key, "initialise");
  if (config.initialisation === "noise") {
    const size = places.length * dataset.shape[0] * dataset.shape[1] * dataset.shape[2];
    return tf.tensor4d(normal(foldIn(own, batch), size), [places.length, ...dataset.shape]);
  }
  const drawn = new Map<number, Int32Array>();
  const positions = places.map(({ label, row }) => {
    const members = real.ofClass(label);
    if (members.length < config.ipc) {
      throw new DataError(
        `${dataset.name}: class "${dataset.classes[label]}" has ${members.length} training images, wanted at least ipc = ${config.ipc}; lower ipc or use initialisation "noise"`,
      );
    }
    if (!drawn.has(label)) drawn.set(label, choice(foldIn(own, label), members, config.ipc));
    return drawn.get(label)![row]!;
  });
  return real.read(positions);
}

/** State before the first step. */
export function initialRecovery(context: RunContext, config: RecoverConfig): RecoverState {
  const images = initialBatch(context, config, 0);
  return { finished: {}, batch: 0, images, optimiser: imageOptimiser.init(images) };
}

/** Loss of a view by one teacher. */
export type ViewLoss<Extra = object> = (
  view: tf.Tensor4D,
  labels: tf.Tensor2D,
  key: Key,
) => {
  readonly loss: tf.Scalar;
  /** Parts of the loss, logged apart. */
  readonly terms: Readonly<Record<string, tf.Scalar>>;
} & Extra;

export interface RecoverStepOptions {
  /** Range of crop scales at iteration `t` of a batch; none: no crop and no flip. */
  readonly scale: (t: number) => readonly [low: number, high: number] | undefined;
  /** Zeros around the images for random windows in the place of crops. */
  readonly pad?: number;
  readonly viewLoss: ViewLoss;
}

/**
 * Cross-entropy of a teacher's scores and the distance of its statistics, with what a configuration adds:
 *
 *     L = CE(T(x), y) + α·R + α_TV·TV(x) + α_ℓ2·(1/N) Σ ‖x_n‖₂
 *
 * The teacher normalises by its running statistics.
 */
export function teacherLoss({ network, theta, statistics }: Teacher, config: RecoverConfig): ViewLoss {
  return (view, labels) => {
    const { logits, normalisationInputs } = network.apply(theta, view, {
      statistics,
      normalisationInputs: true,
      differentiate: "images",
    });
    const crossEntropy = softmaxCrossEntropy(logits, labels);
    const distance = statisticsLoss(momentsOf(normalisationInputs!), statistics, config);
    const parts: tf.Scalar[] = [crossEntropy, tf.mul(distance, config.statisticsWeight)];
    if (config.totalVariation > 0) parts.push(tf.mul(totalVariation(view), config.totalVariation));
    if (config.lengthWeight > 0) parts.push(tf.mul(meanLength(view), config.lengthWeight));
    return { loss: tf.addN(parts) as tf.Scalar, terms: { crossEntropy, statistics: distance } };
  };
}

/** The view that the teacher has of a batch in a step. */
export function viewOf(
  { dataset, key }: Pick<RunContext, "dataset" | "key">,
  config: RecoverConfig,
  step: number,
  { scale, pad }: Pick<RecoverStepOptions, "scale" | "pad">,
): ViewOptions {
  return {
    key: foldIn(foldIn(foldIn(key, "step"), step), "view"),
    scale: scale(step % config.iterations),
    pad,
    flip: dataset.mirrorInvariant,
    shift: [config.shift === "both" ? -config.jitter : 0, config.jitter],
    each: config.views === "image",
  };
}

/** One update of the batch at work; after its last iteration the next batch begins. */
export function recoverStep(
  context: RunContext,
  state: RecoverState,
  config: RecoverConfig,
  step: number,
  options: RecoverStepOptions,
): StepResult<RecoverState> {
  const { dataset } = context;
  const classes = dataset.classes.length;
  const t = step % config.iterations;
  const key = foldIn(foldIn(context.key, "step"), step);
  const terms: Record<string, number> = {};
  let loss = Number.NaN;
  const next = tf.tidy(() => {
    const labels = oneHotLabels(labelsOf(batchPlaces(state.batch, classes, config)), classes);
    const viewOptions = viewOf(context, config, step, options);
    const lossAt = (images: tf.Tensor): tf.Scalar => {
      const view = teacherView(images as tf.Tensor4D, viewOptions);
      const found = options.viewLoss(view, labels, key);
      for (const [name, scalar] of Object.entries(found.terms)) terms[name] = valueOf(scalar);
      return found.loss;
    };
    const { value, grad } = tf.valueAndGrad(lossAt)(state.images);
    loss = value.dataSync()[0]!;
    const rate = config.imageLearningRate * scheduleFactor({ kind: "cosine" }, t, config.iterations);
    const moved = imageOptimiser.update(state.images, grad as tf.Tensor4D, state.optimiser, rate);
    return { images: clampToPixels(moved.theta, dataset), optimiser: moved.state };
  }) as Pick<RecoverState, "images" | "optimiser">;
  const isDone = t === config.iterations - 1 && state.batch < batchCount(classes, config) - 1;
  if (!isDone) return { state: { ...state, ...next }, loss, terms };
  tf.dispose(Object.values(next.optimiser).filter((value) => value instanceof tf.Tensor));
  const finished = { ...state.finished, [state.batch]: next.images };
  const images = initialBatch(context, config, state.batch + 1);
  const optimiser = imageOptimiser.init(images);
  return { state: { finished, batch: state.batch + 1, images, optimiser }, loss, terms };
}

export function labelsOf(places: readonly Place[]): number[] {
  return places.map(({ label }) => label);
}

/** The set as it stands, class by class: batches that have not begun show their first images. */
export function recoverResult(
  context: RunContext,
  state: RecoverState,
  config: RecoverConfig,
): Omit<SyntheticSet, "provenance"> {
  const { classes, shape, normalisation } = context.dataset;
  const size = classes.length * config.ipc;
  const length = shape[0] * shape[1] * shape[2];
  const images = new Float32Array(size * length);
  for (let batch = 0; batch < batchCount(classes.length, config); batch++) {
    const pixels = batchPixels(context, state, config, batch);
    batchPlaces(batch, classes.length, config).forEach(({ label, row }, i) => {
      images.set(pixels.subarray(i * length, (i + 1) * length), (label * config.ipc + row) * length);
    });
  }
  return {
    images,
    size,
    shape,
    classes,
    labels: { kind: "hard", values: Int32Array.from({ length: size }, (_, i) => Math.floor(i / config.ipc)) },
    normalisation,
    augmentation: "none",
  };
}

function batchPixels(
  context: RunContext,
  state: RecoverState,
  config: RecoverConfig,
  batch: number,
): Float32Array {
  const kept = batch === state.batch ? state.images : state.finished[batch];
  if (kept !== undefined) return kept.dataSync<"float32">();
  return tf.tidy(() =>
    clampToPixels(initialBatch(context, config, batch), context.dataset).dataSync<"float32">(),
  );
}

/** Cost of a step: one forward and one backward pass of a teacher over a batch, by its dearest teacher. */
export function recoverForecast(
  context: RunContext,
  config: RecoverConfig,
  networks: readonly string[],
): Forecast {
  const { classes, shape } = context.dataset;
  // Met before a run folder is made.
  requirePixels(context.dataset.normalisation);
  const costs = networks.map((name) => context.network(name));
  const stored = classes.length * config.ipc;
  const batch = Math.min(config.batchSize, stored);
  const pixels = shape[0] * shape[1] * shape[2];
  return {
    multiplyAddsPerStep: 3 * batch * Math.max(...costs.map(({ multiplyAdds }) => multiplyAdds)),
    peakBytes:
      4 *
      (ACTIVATION_COPIES * batch * Math.max(...costs.map(({ activationFloats }) => activationFloats)) +
        Math.max(...costs.map(({ parameterCount }) => parameterCount)) +
        (stored + 6 * batch) * pixels),
    setBytes: 4 * stored * (pixels + 1),
  };
}
