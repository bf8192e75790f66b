import * as tf from "@tensorflow/tfjs-core";
import {
  meanOverPieces,
  pieceRows,
  samplePieces,
  WHOLE_BATCH,
  type SamplePiece,
} from "../grad/sample-pieces.ts";
import type { Network } from "../nn/network.ts";
import { adam, adamw, sgd, type Optimiser, type OptimiserState } from "../optim/optimiser.ts";
import type { Batch } from "./augment-batch.ts";
import type { Recipe } from "./recipe.ts";
import { trainingLoss } from "./training-loss.ts";

/** One update of a network's parameters on one batch. */
export interface TrainStepOptions {
  readonly network: Network;
  readonly optimiser: Optimiser;
  /** `[P]`. */
  readonly theta: tf.Tensor1D;
  readonly state: OptimiserState;
  /** Already augmented. */
  readonly batch: Batch;
  readonly loss: Recipe["loss"];
  readonly learningRate: number;
}

/** New tensors, which the caller owns. */
export interface TrainStepResult {
  readonly theta: tf.Tensor1D;
  readonly state: OptimiserState;
  /** The batch's loss before the update. */
  readonly loss: tf.Scalar;
}

/**
 * One optimiser step of a network on a batch: what {@link trainNetwork} repeats, for methods that train a network between two
 * updates of their images. A batch larger than `samplesAtOnce` passes in pieces, unless batch normalisation couples its samples.
 * Its arguments stay alive. Not differentiable.
 */
export function trainStep(options: TrainStepOptions): TrainStepResult {
  const { network, batch, loss } = options;
  const lossAt = (at: tf.Tensor1D, piece: SamplePiece): tf.Scalar => {
    const { logits } = network.apply(at, pieceRows(batch.images, piece), { differentiate: "parameters" });
    const scores = batch.scores && pieceRows(batch.scores, piece);
    return trainingLoss(loss, logits, pieceRows(batch.labels, piece), scores);
  };
  return optimiserStep(options, lossAt, samplePieces(network, batch.images.shape[0]));
}

/**
 * One optimiser step down the gradient of any loss. Its arguments stay alive. Not differentiable.
 *
 * @param lossAt The loss at given parameters `[P]`, differentiable in them; the mean over a piece where there are pieces.
 * @param pieces Of the batch, where the loss is a mean over independent samples. Default: the whole.
 */
export function optimiserStep(
  {
    optimiser,
    theta,
    state,
    learningRate,
  }: Pick<TrainStepOptions, "optimiser" | "theta" | "state" | "learningRate">,
  lossAt: (theta: tf.Tensor1D, piece: SamplePiece) => tf.Scalar,
  pieces: readonly SamplePiece[] = [WHOLE_BATCH],
): TrainStepResult {
  const container = tf.tidy(() => {
    const [value, grad] = meanOverPieces(pieces, (piece) => {
      const found = tf.valueAndGrad((at) => lossAt(at as tf.Tensor1D, piece))(theta);
      return [found.value as tf.Scalar, found.grad as tf.Tensor1D] as const;
    });
    const updated = optimiser.update(theta, grad, state, learningRate);
    return { ...updated, loss: value } as unknown as tf.TensorContainer;
  });
  return container as unknown as TrainStepResult;
}

/** The optimiser that a recipe names. */
export function recipeOptimiser({
  optimiser,
  momentum,
  nesterov,
  weightDecay,
}: Pick<Recipe, "optimiser" | "momentum" | "nesterov" | "weightDecay">): Optimiser {
  switch (optimiser) {
    case "sgd":
      return sgd({ momentum, nesterov, weightDecay });
    case "adam":
      return adam({ weightDecay });
    case "adamw":
      return adamw({ weightDecay });
  }
}
