import * as tf from "@tensorflow/tfjs-core";
import type { Network } from "../nn/network.ts";
import { foldIn, type Key } from "../random/key.ts";
import { batchAugmentation } from "./augment-batch.ts";
import { batchSource, type BatchSource, type TrainingData } from "./batch-source.ts";
import type { Recipe } from "./recipe.ts";
import { trainEpochs, type TrainedParameters, type TrainingCourse } from "./train-epochs.ts";
import { trainStep } from "./train-step.ts";
import { checkPlan, freshViews, replayedViews, type Views } from "./views.ts";

export interface TrainOptions extends TrainingCourse {
  readonly network: Network;
  readonly data: TrainingData;
  readonly recipe: Recipe;
  /** Decides initial parameters, order and augmentation. */
  readonly key: Key;
  /** Start from these parameters instead of fresh ones; stays alive. */
  readonly theta?: tf.Tensor1D;
}

/** The caller owns the tensors: {@link disposeTrained}. */
export interface TrainedNetwork extends TrainedParameters {
  readonly network: Network;
}

/**
 * Trains a network by a recipe. Same arguments, same back end: same bits. Other work may run between two steps.
 *
 * An epoch visits all images in a fresh random order; the last batch may be smaller. Where the data bring labels of certain views, those
 * views are trained on: same batches, same augmentation. Batch normalisation trains on batch
 * statistics and its running statistics are kept for evaluation.
 *
 * @throws {ConfigError} on an unknown augmentation, one for whose views there are no labels, or a part of a training whose recipe
 *   averages the parameters.
 * @throws {ShapeError} if images, labels and network do not fit.
 * @throws {RunError} if the loss is not finite, naming the epoch.
 */
export async function trainNetwork(options: TrainOptions): Promise<TrainedNetwork> {
  const { network, recipe, key, theta: start } = options;
  const data = batchSource(options.data, network);
  const augment = batchAugmentation(recipe);
  const batchSize = Math.min(recipe.batchSize, data.size);
  const viewOf = viewsOf(data, recipe, key);
  const trained = await trainEpochs({
    ...options,
    title: `training ${network.name}`,
    batchesPerEpoch: Math.ceil(data.size / batchSize),
    usesBatchStatistics: network.usesBatchStatistics,
    init: () => (start === undefined ? network.init(foldIn(key, "init")) : tf.clone(start)),
    step({ epoch, batch: place, ...at }) {
      const view = viewOf(epoch, place);
      const plain = augment(data.batch(view.chosen), view.key);
      const scores = data.views?.of(view.number, plain.images);
      const batch = scores === undefined ? plain : { ...plain, scores };
      return {
        ...trainStep({ network, ...at, batch, loss: recipe.loss }),
        batchStatistics: () => network.batchStatistics(at.theta, batch.images),
      };
    },
  });
  return { network, ...trained };
}

/** The views that the data have labels for, or fresh ones. */
function viewsOf({ size, views }: BatchSource, recipe: Recipe, key: Key): Views {
  if (views?.plan === undefined || views.stored === undefined) {
    return freshViews(key, size, Math.min(recipe.batchSize, size));
  }
  checkPlan(recipe, views.plan, views.stored);
  return replayedViews(views.plan, views.stored, key);
}
