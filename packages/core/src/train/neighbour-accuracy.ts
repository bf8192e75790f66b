import * as tf from "@tensorflow/tfjs-core";
import type { ImageSplit, Normalisation } from "../dataset/image-dataset.ts";
import { normalisePixels } from "../dataset/normalise.ts";
import { samplesAtOnce } from "../engine/samples-at-once.ts";
import { ConfigError } from "../errors.ts";
import type { Network, NetworkStatistics } from "../nn/network.ts";
import type { Accuracy } from "./accuracy.ts";
import { nextTurn } from "./next-turn.ts";

/** τ of the published probe. */
const TEMPERATURE = 0.07;

export interface NeighbourOptions {
  readonly network: Network;
  /** `[P]`. */
  readonly theta: tf.Tensor1D;
  /** Running statistics; without them batch normalisation uses those of every batch. */
  readonly statistics?: NetworkStatistics;
  /** Images whose classes are known. */
  readonly bank: ImageSplit;
  /** Images whose classes are guessed. */
  readonly queries: ImageSplit;
  readonly normalisation: Normalisation;
  /** Default 20, or the whole bank where it is smaller. */
  readonly neighbours?: number;
  readonly batchSize?: number;
  /** Stops between two batches; the promise then rejects with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * How well an embedding groups the classes, without training anything on it: a query's class is the one with the largest vote
 * `Σ exp(cos(query, image)/0.07)` over its nearest images of the bank by cosine.
 *
 * @throws {ConfigError} if bank or queries are empty or `neighbours` is not a positive whole number.
 * @see Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance Discrimination" (CVPR 2018), section 3.4.
 */
export async function neighbourAccuracy(options: NeighbourOptions): Promise<Accuracy> {
  const { network, statistics, bank, queries, neighbours = 20 } = options;
  // Without running statistics the images of a batch depend on each other.
  const coupled = network.usesBatchStatistics && statistics === undefined;
  const batchSize = Math.min(options.batchSize ?? 256, coupled ? Infinity : samplesAtOnce());
  if (bank.size === 0 || queries.size === 0) {
    throw new ConfigError(
      `neighbourAccuracy: wanted images in bank and queries, got ${bank.size} and ${queries.size}; hold another share out`,
    );
  }
  if (!Number.isInteger(neighbours) || neighbours < 1) {
    throw new ConfigError(`neighbourAccuracy: neighbours must be a positive whole number, got ${neighbours}`);
  }
  const k = Math.min(neighbours, bank.size);
  const known = await unitEmbeddings(options, bank, batchSize);
  let correct = 0;
  try {
    for (let start = 0; start < queries.size; start += batchSize) {
      const block = await blockEmbeddings(options, queries, start, batchSize);
      const { values, indices } = tf.tidy(() => tf.topk(tf.matMul(block, known, false, true), k));
      const [cosines, nearest] = [await values.data(), await indices.data()];
      for (let i = 0; i < block.shape[0]; i++) {
        const votes = new Float64Array(network.classes);
        for (let j = i * k; j < (i + 1) * k; j++) {
          votes[bank.labels[nearest[j]!]!]! += Math.exp((cosines[j]! - 1) / TEMPERATURE);
        }
        if (votes.indexOf(Math.max(...votes)) === queries.labels[start + i]) correct++;
      }
      tf.dispose([block, values, indices]);
    }
  } finally {
    known.dispose();
  }
  return { correct, total: queries.size, percent: (100 * correct) / queries.size };
}

/** Embeddings of a whole split as unit rows, `[size, D]`. */
async function unitEmbeddings(
  options: NeighbourOptions,
  split: ImageSplit,
  batchSize: number,
): Promise<tf.Tensor2D> {
  const blocks: tf.Tensor2D[] = [];
  try {
    for (let start = 0; start < split.size; start += batchSize) {
      blocks.push(await blockEmbeddings(options, split, start, batchSize));
    }
    return tf.concat2d(blocks, 0);
  } finally {
    tf.dispose(blocks);
  }
}

async function blockEmbeddings(
  { network, theta, statistics, normalisation, signal }: NeighbourOptions,
  split: ImageSplit,
  start: number,
  batchSize: number,
): Promise<tf.Tensor2D> {
  await nextTurn();
  signal?.throwIfAborted();
  const count = Math.min(batchSize, split.size - start);
  const indices = Int32Array.from({ length: count }, (_, i) => start + i);
  return tf.tidy(() => {
    const images = normalisePixels(split.read(indices), network.inputShape, normalisation);
    const { embedding } = network.apply(theta, images, statistics === undefined ? {} : { statistics });
    return tf.div<tf.Tensor2D>(embedding, tf.add(tf.norm(embedding, 2, 1, true), 1e-12));
  });
}
