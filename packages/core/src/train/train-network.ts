import * as tf from "@tensorflow/tfjs-core";
import { RunError } from "../errors.ts";
import { ensureGradients } from "../grad/ensure-gradients.ts";
import type { Network, NetworkStatistics } from "../nn/network.ts";
import { movingAverage } from "../optim/moving-average.ts";
import { scheduleFactor } from "../optim/schedule.ts";
import { permutation } from "../random/draw.ts";
import { foldIn, type Key } from "../random/key.ts";
import { batchAugmentation } from "./augment-batch.ts";
import { batchSource, type TrainingData } from "./batch-source.ts";
import { nextTurn } from "./next-turn.ts";
import type { Recipe } from "./recipe.ts";
import { STATISTICS_STEPS, updateRunningStatistics } from "./running-statistics.ts";
import { recipeOptimiser, trainStep } from "./train-step.ts";

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
  /** `theta`: the parameters after the epoch, alive during the call only. */
  readonly onEpoch?: (report: EpochReport, theta: tf.Tensor1D) => void;
  /** Stops between two steps; the promise then rejects with its reason. */
  readonly signal?: AbortSignal;
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
}

/**
 * Trains a network by a recipe. Same arguments, same back end: same bits. Other work may run between two steps.
 *
 * An epoch visits all images in a fresh random order; the last batch may be smaller. Batch normalisation trains on batch
 * statistics and its running statistics are kept for evaluation.
 *
 * Differs: running statistics start 100 steps before the end; earlier batches would have no weight.
 *
 * @throws {ConfigError} on an unknown augmentation.
 * @throws {ShapeError} if images, labels and network do not fit.
 * @throws {RunError} if the loss is not finite, naming the epoch.
 */
export async function trainNetwork(options: TrainOptions): Promise<TrainedNetwork> {
  const { network, recipe, key, onEpoch, signal } = options;
  ensureGradients();
  const data = batchSource(options.data, network);
  const augment = batchAugmentation(recipe);
  const optimiser = recipeOptimiser(recipe);
  const batchSize = Math.min(recipe.batchSize, data.size);
  const perEpoch = Math.ceil(data.size / batchSize);
  const statisticsFrom = network.usesBatchStatistics ? recipe.epochs * perEpoch - STATISTICS_STEPS : Infinity;

  let theta = options.theta === undefined ? network.init(foldIn(key, "init")) : tf.clone(options.theta);
  let state = optimiser.init(theta);
  let average = recipe.averageDecay === undefined ? undefined : tf.clone(theta);
  let statistics: NetworkStatistics | undefined;
  let losses: tf.Scalar[] = [];
  let loss = Number.NaN;
  try {
    for (let epoch = 0; epoch < recipe.epochs; epoch++) {
      const learningRate = recipe.learningRate * scheduleFactor(recipe.schedule, epoch, recipe.epochs);
      if (recipe.resetAtSteps && recipe.schedule.kind === "steps" && recipe.schedule.at.includes(epoch)) {
        free(state);
        state = optimiser.init(theta);
      }
      // One batch of everything: its order does not matter.
      const order = perEpoch === 1 ? undefined : permutation(foldIn(foldIn(key, "order"), epoch), data.size);
      for (let batch = 0; batch < perEpoch; batch++) {
        signal?.throwIfAborted();
        const step = epoch * perEpoch + batch;
        const chosen = order?.subarray(batch * batchSize, (batch + 1) * batchSize);
        const next = tidy(() => {
          const augmented = augment(data.batch(chosen), foldIn(foldIn(key, "step"), step));
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
  free(state);
  if (average !== undefined) {
    theta.dispose();
    theta = average;
  }
  return { network, theta, loss, ...(statistics === undefined ? {} : { statistics }) };
}

/** Frees a trained network's tensors. */
export function disposeTrained({ theta, statistics }: Pick<TrainedNetwork, "theta" | "statistics">): void {
  free(theta, statistics);
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
