import * as tf from "@tensorflow/tfjs-core";
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
 * updates of their images. Its arguments stay alive. Not differentiable.
 */
export function trainStep(options: TrainStepOptions): TrainStepResult {
  const { network, batch, loss } = options;
  return optimiserStep(options, (at) => {
    const { logits } = network.apply(at, batch.images, { differentiate: "parameters" });
    return trainingLoss(loss, logits, batch.labels, batch.scores);
  });
}

/**
 * One optimiser step down the gradient of any loss. Its arguments stay alive. Not differentiable.
 *
 * @param lossAt The loss at given parameters `[P]`, differentiable in them.
 */
export function optimiserStep(
  {
    optimiser,
    theta,
    state,
    learningRate,
  }: Pick<TrainStepOptions, "optimiser" | "theta" | "state" | "learningRate">,
  lossAt: (theta: tf.Tensor1D) => tf.Scalar,
): TrainStepResult {
  const container = tf.tidy(() => {
    const { value, grad } = tf.valueAndGrad((at) => lossAt(at as tf.Tensor1D))(theta);
    const updated = optimiser.update(theta, grad as tf.Tensor1D, state, learningRate);
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
