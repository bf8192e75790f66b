import { DataError, foldIn, permutation, type RunContext, numbersOf } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { expertSnapshot } from "../experts/expert-parts.ts";
import { logitsOf } from "../shared/logits-of.ts";
import { epochsOf } from "../shared/segments.ts";
import { firstImages, hardLabels, trainingImages } from "../shared/trajectory-state.ts";
import type { DatmConfig } from "./config.ts";

/** Images looked at together. */
const SCAN = 256;

/** First images and the logits of their labels, `[K·ipc, H, W, C]` and `[K·ipc, K]`. The caller owns the tensors. */
export interface LabelledImages {
  readonly images: tf.Tensor4D;
  readonly labels: tf.Tensor2D;
}

/**
 * Real images that some expert, fully trained, classifies correctly, `ipc` a class, and for each the mean scores of all experts that
 * do. The images of a class are looked through in random order with one expert; where they do not suffice, with the next.
 *
 * @throws {DataError} if the experts together classify fewer images of a class correctly.
 */
export function correctImages(context: RunContext, config: DatmConfig): LabelledImages {
  const { dataset } = context;
  const network = context.network(config.network);
  const real = trainingImages(context, config.validationShare);
  const epochs = epochsOf(config);
  const order = permutation(foldIn(context.key, "scanning experts"), config.experts);
  const scoresOf = (expert: number, positions: Int32Array): Float32Array =>
    numbersOf(() => {
      const theta = expertSnapshot(context, config, expert, epochs);
      const read = (from: number, to: number) => real.read(positions.subarray(from, to));
      return logitsOf(network, theta, positions.length, read);
    });

  const chosen = dataset.classes.map((name, label) => {
    const members = real.ofClass(label);
    const shuffled = permutation(foldIn(foldIn(context.key, "scan"), label), members.length).map(
      (i) => members[i]!,
    );
    const found = new Set<number>();
    for (const expert of order) {
      for (let from = 0; from < shuffled.length && found.size < config.ipc; from += SCAN) {
        const positions = shuffled.subarray(from, from + SCAN);
        const scores = scoresOf(expert, positions);
        positions.forEach((position, i) => {
          if (found.size < config.ipc && winner(scores, i, network.classes) === label) found.add(position);
        });
      }
      if (found.size === config.ipc) break;
    }
    if (found.size === config.ipc) return Int32Array.from(found);
    throw new DataError(
      `${dataset.name}: the ${config.experts} experts classify ${found.size} images of class "${name}" correctly, wanted ${config.ipc}; ` +
        `train them longer (expertEpochs), or set correctOnly to false`,
    );
  });

  const positions = Int32Array.from(chosen.flatMap((own) => Array.from(own)));
  const labels = hardLabels(dataset, config.ipc);
  const sums = new Float64Array(positions.length * network.classes);
  const counts = new Float64Array(positions.length);
  for (let expert = 0; expert < config.experts; expert++) {
    const scores = scoresOf(expert, positions);
    labels.forEach((label, n) => {
      if (winner(scores, n, network.classes) !== label) return;
      counts[n]! += 1;
      for (let k = 0; k < network.classes; k++)
        sums[n * network.classes + k]! += scores[n * network.classes + k]!;
    });
  }
  const means = Float32Array.from(sums, (sum, i) => sum / counts[Math.floor(i / network.classes)]!);
  return { images: real.read(positions), labels: tf.tensor2d(means, [positions.length, network.classes]) };
}

/** First images by `initialisation`, with the scores that one expert, fully trained, gives them. */
export function anyImages(context: RunContext, config: DatmConfig): LabelledImages {
  const images = firstImages(context, config);
  const labels = tf.tidy(() => {
    const theta = expertSnapshot(context, config, 0, epochsOf(config));
    return logitsOf(context.network(config.network), theta, images.shape[0], (from, to) =>
      tf.slice(images, [from, 0, 0, 0], [to - from, -1, -1, -1]),
    );
  });
  return { images, labels };
}

/** Class of the largest score of row `n`, the first of equals. */
function winner(scores: Float32Array, n: number, classes: number): number {
  const row = scores.subarray(n * classes, (n + 1) * classes);
  return row.indexOf(Math.max(...row));
}
