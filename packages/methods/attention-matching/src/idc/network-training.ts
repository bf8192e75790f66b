import * as tf from "@tensorflow/tfjs-core";
import {
  batchAugmentation,
  foldIn,
  oneHotLabels,
  permutation,
  recipeSchema,
  sgd,
  trainStep,
  type Key,
  type RunContext,
} from "@limbeck/core";
import type { IdcConfig } from "./config.ts";

/** A network in training and its optimiser. */
export type NetworkState = {
  /** `[P]`. */
  readonly theta: tf.Tensor1D;
  /** Momentum buffer, `[P]`. */
  readonly networkVelocity: tf.Tensor1D;
};

/** The `number`-th network of the run, trained for `pretrainEpochs`. The caller owns the tensors. */
export function freshNetwork(context: RunContext, config: IdcConfig, number: number): NetworkState {
  const key = foldIn(foldIn(context.key, "network"), number);
  const { size } = context.dataset.train;
  return tf.tidy(() => {
    const theta = context.network(config.network).init(key);
    let state: NetworkState = { theta, networkVelocity: tf.zerosLike(theta) };
    for (let epoch = 0; epoch < config.pretrainEpochs; epoch++) {
      ({ state } = trainOnReal(context, config, state, size, foldIn(foldIn(key, "pretrain"), epoch)));
    }
    return state;
  });
}

/**
 * Trains a network on `count` random real images, each once (all of them where there are fewer), by SGD with CutMix on some
 * batches. The old state stays alive; the caller owns the new one.
 *
 * @returns The mean loss too, 0 where nothing was trained.
 */
export function trainOnReal(
  context: RunContext,
  config: IdcConfig,
  before: NetworkState,
  count: number,
  key: Key,
): { readonly state: NetworkState; readonly loss: number } {
  const { dataset, real } = context;
  const network = context.network(config.network);
  const { trainingBatch, networkLearningRate: learningRate, networkMomentum, networkWeightDecay } = config;
  const recipe = recipeSchema.parse({
    learningRate,
    epochs: 1,
    augmentation: config.trainingAugmentation,
    ...(config.mixProbability > 0 && { mixing: { kind: "cutmix", probability: config.mixProbability } }),
  });
  const augment = batchAugmentation(recipe);
  const optimiser = sgd({ momentum: networkMomentum, weightDecay: networkWeightDecay });
  const positions = permutation(foldIn(key, "order"), dataset.train.size).slice(0, count);
  let loss = 0;
  let state: NetworkState = {
    theta: tf.clone(before.theta),
    networkVelocity: tf.clone(before.networkVelocity),
  };
  const batches = Math.ceil(positions.length / trainingBatch);
  for (let batch = 0; batch < batches; batch++) {
    const chosen = positions.subarray(batch * trainingBatch, (batch + 1) * trainingBatch);
    const next = tf.tidy(() => {
      const classes = Array.from(chosen, (position) => dataset.train.labels[position]!);
      const raw = { images: real.read(chosen), labels: oneHotLabels(classes, network.classes) };
      const trained = trainStep({
        network,
        optimiser,
        theta: state.theta,
        state: networkMomentum === 0 ? {} : { velocity: state.networkVelocity },
        batch: augment(raw, foldIn(foldIn(key, "batch"), batch)),
        loss: recipe.loss,
        learningRate,
      });
      const velocity = trained.state["velocity"] as tf.Tensor1D | undefined;
      const networkVelocity = velocity ?? tf.clone(state.networkVelocity);
      return { theta: trained.theta, networkVelocity, loss: trained.loss };
    });
    tf.dispose([state.theta, state.networkVelocity]);
    loss += next.loss.dataSync()[0]! / batches;
    next.loss.dispose();
    state = { theta: next.theta, networkVelocity: next.networkVelocity };
  }
  return { state, loss };
}
