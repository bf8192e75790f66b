import * as tf from "@tensorflow/tfjs-core";
import type { ImageSplit, Normalisation } from "../dataset/image-dataset.ts";
import { normalisePixels } from "../dataset/normalise.ts";
import { samplesAtOnce } from "../engine/samples-at-once.ts";
import { ConfigError } from "../errors.ts";
import type { Network, NetworkStatistics } from "../nn/network.ts";
import { nextTurn } from "./next-turn.ts";

export interface AccuracyOptions {
  readonly network: Network;
  /** `[P]`. */
  readonly theta: tf.Tensor1D;
  /** Running statistics; required where the network uses batch normalisation. */
  readonly statistics?: NetworkStatistics;
  readonly split: ImageSplit;
  /** The normalisation that the network was trained with. */
  readonly normalisation: Normalisation;
  readonly batchSize?: number;
  /** Stops between two batches; the promise then rejects with its reason. */
  readonly signal?: AbortSignal;
}

export interface Accuracy {
  /** Images whose largest class score is that of their class. */
  readonly correct: number;
  readonly total: number;
  /** `100 · correct / total`. */
  readonly percent: number;
}

/**
 * Top-1 accuracy of a trained network on a split. A score that is not a number counts as wrong.
 *
 * @throws {ConfigError} if the network uses batch normalisation and `statistics` is missing.
 */
export async function accuracy(options: AccuracyOptions): Promise<Accuracy> {
  const { network, theta, statistics, split, normalisation, signal } = options;
  const batchSize = Math.min(options.batchSize ?? 256, samplesAtOnce());
  if (network.usesBatchStatistics && statistics === undefined) {
    throw new ConfigError(
      `accuracy: ${network.name} uses batch normalisation and needs the \`statistics\` of its training, got none`,
    );
  }
  let correct = 0;
  for (let start = 0; start < split.size; start += batchSize) {
    signal?.throwIfAborted();
    const count = Math.min(batchSize, split.size - start);
    const indices = Int32Array.from({ length: count }, (_, i) => start + i);
    const logits = tf.tidy(() => {
      const images = normalisePixels(split.read(indices), network.inputShape, normalisation);
      return network.apply(theta, images, statistics === undefined ? {} : { statistics }).logits;
    });
    const scores = await logits.data();
    logits.dispose();
    for (let i = 0; i < count; i++) {
      const row = scores.subarray(i * network.classes, (i + 1) * network.classes);
      if (largest(row) === split.labels[start + i]) correct += 1;
    }
    await nextTurn();
  }
  return { correct, total: split.size, percent: (100 * correct) / split.size };
}

/** Position of the largest value, the first of equals; −1 if one is not a number. */
function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) return -1;
    if (values[i]! > values[best]!) best = i;
  }
  return best;
}
