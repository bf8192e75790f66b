import * as tf from "@tensorflow/tfjs-core";
import {
  choice,
  ConfigError,
  constant,
  foldIn,
  meanOverPieces,
  oneHotLabels,
  permutation,
  pieceRows,
  samplePieces,
  sgd,
  softmaxCrossEntropy,
  type Key,
  type RunContext,
} from "@limbeck/core";
import type { IdmConfig } from "./config.ts";

/** A network of the queue, partly trained. */
export type QueuedNetwork = {
  /** `[P]`. */
  readonly theta: tf.Tensor1D;
  /** Momentum buffer, `[P]`. */
  readonly velocity: tf.Tensor1D;
  /** Real images it was trained on since accuracies were last counted anew, and how many it had right. */
  readonly seen: number;
  readonly correct: number;
};

/** Networks by slot; the `number`-th network of a run has slot `number` modulo the capacity, so it replaces the oldest. */
export type NetworkQueue = { readonly [slot: string]: QueuedNetwork };

/** Which networks there are after `pushed` were pushed. */
export function filledSlots(pushed: number, { queueCapacity }: IdmConfig): number {
  return Math.min(pushed, queueCapacity);
}

/** Distinct random slots, at most `count`. */
export function drawSlots(key: Key, filled: number, count: number): Int32Array {
  return permutation(key, filled).slice(0, count);
}

/**
 * The queue with `count` fresh networks more. Networks that stay keep their tensors; the caller owns the new ones.
 *
 * @throws {ConfigError} if the network is unknown or uses batch normalisation.
 */
export function pushNetworks(
  context: RunContext,
  config: IdmConfig,
  { queue, pushed }: { readonly queue: NetworkQueue; readonly pushed: number },
  count: number,
): { readonly queue: NetworkQueue; readonly pushed: number } {
  const network = context.network(config.network);
  if (network.usesBatchStatistics) {
    throw new ConfigError(
      `idm: network ${network.name} uses batch normalisation, which networks of the queue cannot have; choose another norm, such as instance`,
    );
  }
  const slots: Record<string, QueuedNetwork> = { ...queue };
  for (let number = pushed; number < pushed + count; number++) {
    const theta = network.init(foldIn(foldIn(context.key, "queue"), number));
    const fresh = { theta, velocity: tf.zerosLike(theta), seen: 0, correct: 0 };
    const slot = String(number % config.queueCapacity);
    // More than the capacity at once: what was made here a moment ago belongs to nobody else.
    if (slots[slot] !== undefined && slots[slot] !== queue[slot]) {
      tf.dispose([slots[slot].theta, slots[slot].velocity]);
    }
    slots[slot] = fresh;
  }
  return { queue: slots, pushed: pushed + count };
}

/** Running training accuracy in the unit of the configuration; 0 for a network that has seen nothing. */
export function runningAccuracy({ seen, correct }: QueuedNetwork, { accuracyUnit }: IdmConfig): number {
  if (seen === 0) return 0;
  return (accuracyUnit === "percent" ? 100 : 1) * (correct / seen);
}

/**
 * Some steps of SGD on random real images of all classes, without augmentation. The old tensors stay alive; the caller owns the
 * new ones.
 */
export function trainQueued(
  context: RunContext,
  config: IdmConfig,
  before: QueuedNetwork,
  key: Key,
): QueuedNetwork {
  const { dataset, real } = context;
  const network = context.network(config.network);
  const { labels, size } = dataset.train;
  const all = Int32Array.from({ length: size }, (_, i) => i);
  const count = Math.min(config.trainingBatch, size);
  const { networkMomentum: momentum, networkWeightDecay: weightDecay, networkLearningRate } = config;
  const optimiser = sgd({ momentum, weightDecay });
  let { theta, velocity, correct } = before;
  for (let i = 0; i < config.trainingSteps; i++) {
    const chosen = choice(foldIn(key, i), all, count);
    const classes = chosen.map((position) => labels[position]!);
    const next = tf.tidy(() => {
      const images = real.read(chosen);
      const [gradient] = meanOverPieces(samplePieces(network, count), (piece) => {
        const own = classes.slice(piece.from, piece.to);
        let right: tf.Tensor | undefined;
        const slope = tf.grad((at: tf.Tensor) => {
          const seen = pieceRows(images, piece);
          const { logits } = network.apply(at as tf.Tensor1D, seen, { differentiate: "parameters" });
          right = tf.keep(
            constant(() => tf.sum(tf.equal(tf.argMax(logits, 1), tf.tensor1d(own.slice(), "int32")))),
          );
          return softmaxCrossEntropy(logits, oneHotLabels(own, network.classes));
        })(theta) as tf.Tensor1D;
        correct += right!.dataSync()[0]!;
        right!.dispose();
        return [slope];
      });
      const state = momentum === 0 ? {} : { velocity };
      const updated = optimiser.update(theta, gradient!, state, networkLearningRate);
      return [updated.theta, (updated.state["velocity"] as tf.Tensor1D | undefined) ?? tf.clone(velocity)];
    }) as [tf.Tensor1D, tf.Tensor1D];
    if (i > 0) tf.dispose([theta, velocity]);
    [theta, velocity] = next;
  }
  return { theta, velocity, seen: before.seen + config.trainingSteps * count, correct };
}
