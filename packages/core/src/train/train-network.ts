import * as tf from "@tensorflow/tfjs-core";
import { ConfigError, RunError } from "../errors.ts";
import { ensureGradients } from "../grad/ensure-gradients.ts";
import type { Network, NetworkStatistics } from "../nn/network.ts";
import { movingAverage } from "../optim/moving-average.ts";
import type { OptimiserState } from "../optim/optimiser.ts";
import { scheduleFactor } from "../optim/schedule.ts";
import { foldIn, type Key } from "../random/key.ts";
import { batchAugmentation } from "./augment-batch.ts";
import { batchSource, type BatchSource, type TrainingData } from "./batch-source.ts";
import { nextTurn } from "./next-turn.ts";
import type { Recipe } from "./recipe.ts";
import { STATISTICS_STEPS, updateRunningStatistics } from "./running-statistics.ts";
import { recipeOptimiser, trainStep } from "./train-step.ts";
import { checkPlan, freshViews, replayedViews, type Views } from "./views.ts";

/** What is told after each epoch. */
export interface EpochReport {
  /** 1-based number of the finished epoch. */
  readonly epoch: number;
  readonly epochs: number;
  /** Mean over its batches. */
  readonly loss: number;
  readonly learningRate: number;
}

export interface TrainOptions {
  readonly network: Network;
  readonly data: TrainingData;
  readonly recipe: Recipe;
  /** Decides initial parameters, order and augmentation. */
  readonly key: Key;
  /** Start from these parameters instead of fresh ones; stays alive. */
  readonly theta?: tf.Tensor1D;
  /** Go on from here instead, to the same bits as without the stop; stays alive. */
  readonly from?: TrainingSnapshot;
  /** Stop when this many epochs of the recipe are finished; default all. */
  readonly until?: number;
  /** `theta`: the parameters after the epoch, alive during the call only. */
  readonly onEpoch?: (report: EpochReport, theta: tf.Tensor1D) => void;
  /** Stops between two steps; the promise then rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** Where a training stands after some epochs. */
export interface TrainingSnapshot {
  /** Finished epochs of the recipe. */
  readonly epoch: number;
  /** `[P]`. */
  readonly theta: tf.Tensor1D;
  readonly optimiser: OptimiserState;
  /** Running statistics, where there are any yet. */
  readonly statistics?: NetworkStatistics;
}

/** The caller owns the tensors: {@link disposeTrained}. */
export interface TrainedNetwork {
  readonly network: Network;
  /** `[P]`. */
  readonly theta: tf.Tensor1D;
  /** Running statistics of batch normalisation, where the network has any. */
  readonly statistics?: NetworkStatistics;
  /** Loss of the last epoch. */
  readonly loss: number;
  /** State of the optimiser, where `until` stopped the training before its end. */
  readonly optimiser?: OptimiserState;
}

/**
 * Trains a network by a recipe. Same arguments, same back end: same bits. Other work may run between two steps.
 *
 * An epoch visits all images in a fresh random order; the last batch may be smaller. Where the data bring labels of certain views, those
 * views are trained on: same batches, same augmentation. Batch normalisation trains on batch
 * statistics and its running statistics are kept for evaluation.
 *
 * Differs: running statistics start 100 steps before the end; earlier batches would have no weight.
 *
 * @throws {ConfigError} on an unknown augmentation, one for whose views there are no labels, or a part of a training whose recipe
 *   averages the parameters.
 * @throws {ShapeError} if images, labels and network do not fit.
 * @throws {RunError} if the loss is not finite, naming the epoch.
 */
export async function trainNetwork(options: TrainOptions): Promise<TrainedNetwork> {
  const { network, recipe, key, onEpoch, signal, from, until = recipe.epochs } = options;
  if (recipe.averageDecay !== undefined && (from !== undefined || until !== recipe.epochs)) {
    throw new ConfigError(
      `training ${network.name}: a recipe with averageDecay cannot be trained in parts; leave it out or train at once`,
    );
  }
  ensureGradients();
  const data = batchSource(options.data, network);
  const augment = batchAugmentation(recipe);
  const optimiser = recipeOptimiser(recipe);
  const batchSize = Math.min(recipe.batchSize, data.size);
  const perEpoch = Math.ceil(data.size / batchSize);
  const viewOf = viewsOf(data, recipe, key);
  const statisticsFrom = network.usesBatchStatistics ? recipe.epochs * perEpoch - STATISTICS_STEPS : Infinity;

  const first = from?.theta ?? options.theta;
  let theta = first === undefined ? network.init(foldIn(key, "init")) : tf.clone(first);
  let state = from === undefined ? optimiser.init(theta) : cloned(from.optimiser);
  let average = recipe.averageDecay === undefined ? undefined : tf.clone(theta);
  let statistics: NetworkStatistics | undefined = from?.statistics && {
    mean: from.statistics.mean.map((vector) => tf.clone(vector)),
    variance: from.statistics.variance.map((vector) => tf.clone(vector)),
  };
  let losses: tf.Scalar[] = [];
  let loss = Number.NaN;
  try {
    for (let epoch = from?.epoch ?? 0; epoch < until; epoch++) {
      const learningRate = recipe.learningRate * scheduleFactor(recipe.schedule, epoch, recipe.epochs);
      if (recipe.resetAtSteps && recipe.schedule.kind === "steps" && recipe.schedule.at.includes(epoch)) {
        free(state);
        state = optimiser.init(theta);
      }
      for (let batch = 0; batch < perEpoch; batch++) {
        signal?.throwIfAborted();
        const step = epoch * perEpoch + batch;
        const view = viewOf(epoch, batch);
        const next = tidy(() => {
          const plain = augment(data.batch(view.chosen), view.key);
          const scores = data.views?.of(view.number, plain.images);
          const augmented = scores === undefined ? plain : { ...plain, scores };
          const updated = trainStep({
            network,
            optimiser,
            theta,
            state,
            batch: augmented,
            loss: recipe.loss,
            learningRate,
          });
          return {
            ...updated,
            average: average && movingAverage(average, updated.theta, recipe.averageDecay!),
            statistics:
              step < statisticsFrom
                ? undefined
                : updateRunningStatistics(statistics, network.batchStatistics(theta, augmented.images)),
          };
        });
        free(theta, state, average, statistics);
        ({ theta, state, average, statistics } = next);
        losses.push(next.loss);
        await nextTurn();
      }
      loss = await meanLoss(losses);
      losses = [];
      if (!Number.isFinite(loss)) {
        throw new RunError(
          `training ${network.name}: the loss is ${loss} in epoch ${epoch + 1} of ${recipe.epochs}; lower the learning rate (now ${learningRate})`,
        );
      }
      onEpoch?.({ epoch: epoch + 1, epochs: recipe.epochs, loss, learningRate }, theta);
    }
  } catch (error) {
    free(theta, state, average, statistics, losses);
    throw error;
  }
  const trained = statistics === undefined ? {} : { statistics };
  if (until < recipe.epochs) return { network, theta, loss, ...trained, optimiser: state };
  free(state);
  if (average !== undefined) {
    theta.dispose();
    theta = average;
  }
  return { network, theta, loss, ...trained };
}

/** The same state in tensors of its own. */
function cloned(state: OptimiserState): OptimiserState {
  return Object.fromEntries(
    Object.entries(state).map(([name, value]) => [
      name,
      value instanceof tf.Tensor ? tf.clone(value) : value,
    ]),
  );
}

/** The views that the data have labels for, or fresh ones. */
function viewsOf({ size, views }: BatchSource, recipe: Recipe, key: Key): Views {
  if (views?.plan === undefined || views.stored === undefined) {
    return freshViews(key, size, Math.min(recipe.batchSize, size));
  }
  checkPlan(recipe, views.plan, views.stored);
  return replayedViews(views.plan, views.stored, key);
}

/** Frees a trained network's tensors. */
export function disposeTrained({
  theta,
  statistics,
  optimiser,
}: Pick<TrainedNetwork, "theta" | "statistics" | "optimiser">): void {
  free(theta, statistics, optimiser);
}

/** `tf.tidy` for a result of any type. */
function tidy<T>(f: () => T): T {
  return tf.tidy(f as () => tf.TensorContainer) as T;
}

/** Disposes of all tensors inside. */
function free(...containers: unknown[]): void {
  tf.dispose(containers as tf.TensorContainer);
}

/** Mean of scalars, which are disposed of: one read for all of an epoch. */
async function meanLoss(losses: readonly tf.Scalar[]): Promise<number> {
  const mean = tf.tidy(() => tf.mean(tf.stack([...losses])));
  tf.dispose([...losses]);
  const [value] = await mean.data();
  mean.dispose();
  return value!;
}
