import { setImmediate } from "node:timers/promises";
import {
  augmentationOf,
  dsa,
  ensureGradients,
  foldIn,
  meanOverPieces,
  oneHotLabels,
  permutation,
  pieceRows,
  RunError,
  samplePieces,
  sgd,
  type Key,
  type Network,
  type OptimiserState,
  type RunContext,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import type { ExpertConfig } from "./expert-config.ts";
import { expertLoss, lossRamp } from "./expert-loss.ts";
import { surrogateGapGradient, type GradientAt } from "./surrogate-gap.ts";

/** Where an expert stands between two epochs, and what its next one needs. */
export interface EpochOptions {
  readonly context: RunContext;
  readonly network: Network;
  readonly config: ExpertConfig;
  /** Positions of the real images to train on. */
  readonly positions: Int32Array;
  /** 0-based. */
  readonly epoch: number;
  /** Of the expert. */
  readonly key: Key;
  /** `[P]`. */
  readonly theta: Float32Array;
  /** Momentum `[P]`; absent without momentum, or before the first epoch. */
  readonly velocity?: Float32Array | undefined;
  readonly signal: AbortSignal;
}

export interface EpochResult {
  readonly theta: Float32Array;
  readonly velocity?: Float32Array;
  /** Mean over the batches. */
  readonly loss: number;
}

/**
 * One epoch of an expert: every image once, in a fresh random order, augmented image by image. Depends on its arguments alone.
 *
 * @throws {RunError} if the loss is not finite, naming the epoch.
 */
export async function trainEpoch(options: EpochOptions): Promise<EpochResult> {
  const { network, config, positions, epoch, key, signal } = options;
  ensureGradients();
  const optimiser = sgd({ momentum: config.expertMomentum, weightDecay: config.expertWeightDecay });
  const dropped = config.expertDropEpoch > 0 && epoch >= config.expertDropEpoch;
  const learningRate = config.expertLearningRate * (dropped ? config.expertDropFactor : 1);
  const keepsVelocity = options.velocity !== undefined && epoch !== config.expertDropEpoch;
  let theta = tf.tensor1d(options.theta.slice());
  let state: OptimiserState = keepsVelocity
    ? { velocity: tf.tensor1d(options.velocity.slice()) }
    : optimiser.init(theta);
  const order = permutation(foldIn(foldIn(key, "order"), epoch), positions.length);
  const steps = Math.ceil(positions.length / config.expertBatch);
  let sum = 0;
  try {
    for (let step = 0; step < steps; step++) {
      signal.throwIfAborted();
      const chosen = order
        .subarray(step * config.expertBatch, (step + 1) * config.expertBatch)
        .map((i) => positions[i]!);
      const next = tf.tidy(() => {
        const gradientAt = batchGradient(
          options,
          chosen,
          foldIn(foldIn(foldIn(key, "augment"), epoch), step),
        );
        const { value, grad } =
          config.sharpnessRadius === 0
            ? gradientAt(theta)
            : surrogateGapGradient(gradientAt, theta, {
                radius: config.sharpnessRadius,
                weight: config.surrogateWeight,
              });
        const updated = optimiser.update(theta, grad, state, learningRate);
        return { ...updated, loss: value } as unknown as tf.TensorContainer;
      }) as unknown as { theta: tf.Tensor1D; state: OptimiserState; loss: tf.Scalar };
      disposeAll(theta, state);
      ({ theta, state } = next);
      sum += next.loss.dataSync()[0]!;
      next.loss.dispose();
      await setImmediate();
    }
    const loss = sum / steps;
    if (!Number.isFinite(loss)) {
      throw new RunError(
        `expert of ${network.name}: the loss is ${loss} in epoch ${epoch + 1}; lower expertLearningRate (now ${config.expertLearningRate})`,
      );
    }
    const velocity = state["velocity"];
    return {
      theta: Float32Array.from(theta.dataSync()),
      loss,
      ...(velocity instanceof tf.Tensor && { velocity: Float32Array.from(velocity.dataSync()) }),
    };
  } finally {
    disposeAll(theta, state);
  }
}

/** Loss and gradient of one batch at any parameters. Call it inside `tf.tidy`. */
function batchGradient(options: EpochOptions, chosen: Int32Array, key: Key): GradientAt {
  const { context, network, config, epoch } = options;
  const { dataset, real } = context;
  const images = real.read(chosen);
  const labels = oneHotLabels(
    chosen.map((position) => dataset.train.labels[position]!),
    network.classes,
  );
  const strategy = augmentationOf({ augmentation: config.expertAugmentation }, dataset);
  const augmented = dsa(images, strategy, { key, siamese: false });
  const factor = lossRamp(epoch, config.lossRampEpochs);
  const pieces = samplePieces(network, images.shape[0]);
  return (theta) => {
    const [value, grad] = meanOverPieces(pieces, (piece) => {
      const own = {
        network,
        images: pieceRows(images, piece),
        augmented: pieceRows(augmented, piece),
        labels: pieceRows(labels, piece),
        factor,
        penalty: config.gradientPenalty,
      };
      const found = tf.valueAndGrad((at) => expertLoss(at as tf.Tensor1D, own))(theta);
      return [found.value as tf.Scalar, found.grad as tf.Tensor1D] as const;
    });
    return { value, grad };
  };
}

function disposeAll(theta: tf.Tensor, state: OptimiserState): void {
  tf.dispose([theta, ...Object.values(state).filter((value) => value instanceof tf.Tensor)]);
}
