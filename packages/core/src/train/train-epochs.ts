import * as tf from "@tensorflow/tfjs-core";
import { ConfigError, RunError } from "../errors.ts";
import { ensureGradients } from "../grad/ensure-gradients.ts";
import type { NetworkStatistics } from "../nn/network.ts";
import { movingAverage } from "../optim/moving-average.ts";
import type { Optimiser, OptimiserState } from "../optim/optimiser.ts";
import { scheduleFactor } from "../optim/schedule.ts";
import { nextTurn } from "./next-turn.ts";
import type { Recipe } from "./recipe.ts";
import { STATISTICS_STEPS, updateRunningStatistics } from "./running-statistics.ts";
import { recipeOptimiser, type TrainStepResult } from "./train-step.ts";

/** What is told after each epoch. */
export interface EpochReport {
  /** 1-based number of the finished epoch. */
  readonly epoch: number;
  readonly epochs: number;
  /** Mean over its batches. */
  readonly loss: number;
  readonly learningRate: number;
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

/** What came of a training. The caller owns the tensors: {@link disposeTrained}. */
export interface TrainedParameters {
  /** `[P]`. */
  readonly theta: tf.Tensor1D;
  /** Running statistics of batch normalisation, where there is any. */
  readonly statistics?: NetworkStatistics;
  /** Loss of the last epoch. */
  readonly loss: number;
  /** State of the optimiser, where `until` stopped the training before its end. */
  readonly optimiser?: OptimiserState;
}

/** How far a training goes and whom it tells, whatever is trained. */
export interface TrainingCourse {
  /** Go on from here, to the same bits as without the stop; stays alive. */
  readonly from?: TrainingSnapshot;
  /** Stop when this many epochs of the recipe are finished; default all. */
  readonly until?: number;
  /** `theta`: the parameters after the epoch, alive during the call only. */
  readonly onEpoch?: (report: EpochReport, theta: tf.Tensor1D) => void;
  /** Stops between two steps; the promise then rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** Where a step stands, and what it updates. */
export interface StepPlace {
  readonly epoch: number;
  /** Number of the batch within the epoch. */
  readonly batch: number;
  readonly optimiser: Optimiser;
  readonly theta: tf.Tensor1D;
  readonly state: OptimiserState;
  readonly learningRate: number;
}

export interface EpochStep extends TrainStepResult {
  /** Statistics of the step's batch, before the update. Called inside `tf.tidy`, where they are wanted. */
  batchStatistics(): NetworkStatistics;
}

export interface EpochsOptions extends TrainingCourse {
  /** Begins the messages, such as `training convnet3`. */
  readonly title: string;
  readonly recipe: Omit<Recipe, "batchSize" | "augmentation" | "mixing" | "loss">;
  readonly batchesPerEpoch: number;
  /** Whether running statistics of batch normalisation are kept. */
  readonly usesBatchStatistics: boolean;
  /** Parameters before the first step. */
  init(): tf.Tensor1D;
  /** One update; called inside `tf.tidy`. */
  step(place: StepPlace): EpochStep;
}

/**
 * The loop over epochs and batches that every training of parameters has: schedule, optimiser, running statistics, average, snapshots.
 *
 * Differs: running statistics start 100 steps before the end; earlier batches would have no weight.
 *
 * @throws {ConfigError} on a part of a training whose recipe averages the parameters.
 * @throws {RunError} if the loss is not finite, naming the epoch.
 */
export async function trainEpochs(options: EpochsOptions): Promise<TrainedParameters> {
  const { title, recipe, batchesPerEpoch, onEpoch, signal, from, until = recipe.epochs } = options;
  if (recipe.averageDecay !== undefined && (from !== undefined || until !== recipe.epochs)) {
    throw new ConfigError(
      `${title}: a recipe with averageDecay cannot be trained in parts; leave it out or train at once`,
    );
  }
  ensureGradients();
  const optimiser = recipeOptimiser(recipe);
  const statisticsFrom = options.usesBatchStatistics
    ? recipe.epochs * batchesPerEpoch - STATISTICS_STEPS
    : Infinity;
  let theta = from === undefined ? options.init() : tf.clone(from.theta);
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
      for (let batch = 0; batch < batchesPerEpoch; batch++) {
        signal?.throwIfAborted();
        const isCounted = epoch * batchesPerEpoch + batch >= statisticsFrom;
        const next = tidy(() => {
          const { batchStatistics, ...updated } = options.step({
            epoch,
            batch,
            optimiser,
            theta,
            state,
            learningRate,
          });
          return {
            ...updated,
            average: average && movingAverage(average, updated.theta, recipe.averageDecay!),
            statistics: isCounted ? updateRunningStatistics(statistics, batchStatistics()) : undefined,
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
          `${title}: the loss is ${loss} in epoch ${epoch + 1} of ${recipe.epochs}; lower the learning rate (now ${learningRate})`,
        );
      }
      onEpoch?.({ epoch: epoch + 1, epochs: recipe.epochs, loss, learningRate }, theta);
    }
  } catch (error) {
    free(theta, state, average, statistics, losses);
    throw error;
  }
  const trained = statistics === undefined ? {} : { statistics };
  if (until < recipe.epochs) return { theta, loss, ...trained, optimiser: state };
  free(state);
  if (average !== undefined) {
    theta.dispose();
    theta = average;
  }
  return { theta, loss, ...trained };
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

/** Frees what a training gave. */
export function disposeTrained({
  theta,
  statistics,
  optimiser,
}: Pick<TrainedParameters, "theta" | "statistics" | "optimiser">): void {
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
