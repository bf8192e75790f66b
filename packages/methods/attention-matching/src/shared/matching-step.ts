import * as tf from "@tensorflow/tfjs-core";
import {
  choice,
  foldIn,
  meanOverPieces,
  pieceRows,
  samplePieces,
  type ApplyOptions,
  type Key,
  type Network,
  type NetworkOutput,
  type RunContext,
  type StepResult,
} from "@limbeck/core";
import { classGroups } from "./class-groups.ts";
import { classMeans, squaredMeanDistance } from "./class-means.ts";
import type { MatchingConfig } from "./config.ts";
import { imageRate } from "./image-rate.ts";
import type { ImagesState } from "./images-state.ts";
import { concatenate, imagesPerStored, siamese, syntheticBatch } from "./synthetic-batch.ts";

/** One thing whose class means are matched between real and synthetic images. */
export interface MatchedFeature {
  /** Name of the loss term; features of one name are summed. */
  readonly term: string;
  /** Factor in front of the squared distance. */
  readonly weight: number;
  /** Rows `[N, D]` of a batch, a list where several layers are matched. Must be differentiable. */
  rows(output: NetworkOutput): readonly tf.Tensor2D[];
}

/** What a method of the family asks of the network and of its outputs. */
export interface Matching {
  readonly outputs: Pick<ApplyOptions, "attentionPower" | "activations">;
  readonly features: readonly MatchedFeature[];
}

/**
 * One iteration of distribution matching: a fresh random network, a real batch of every class, the same augmentation
 * for the real and synthetic images of a class, one SGD step on the images.
 *
 *     L = Σ_features weight · Σ_c ‖ mean rows(real_c) − mean rows(synthetic_c) ‖²
 *
 * Networks without batch statistics treat samples independently, so classes are processed in groups and memory does
 * not grow with their number, and the real images of a class in pieces where `samplesAtOnce` asks for it; with batch
 * normalisation all classes share one batch, as in the authors' code.
 *
 * Differs: augmentation and sampling come from the run's key, where the authors' code uses the clock.
 *
 * @see Zhao and Bilen, "Dataset Condensation with Distribution Matching", algorithm 1.
 */
export function matchingStep(
  context: RunContext,
  state: ImagesState,
  config: MatchingConfig,
  step: number,
  matching: Matching,
): StepResult<ImagesState> {
  const key = foldIn(context.key, step);
  const network = context.network(config.network);
  const classes = context.dataset.classes.length;
  const groups = network.usesBatchStatistics
    ? [Array.from({ length: classes }, (_, label) => label)]
    : classGroups(classes, Math.max(config.ipc * imagesPerStored(config), config.realBatch));
  const terms: Record<string, number> = {};
  for (const feature of matching.features) terms[feature.term] = 0;

  const next = tf.tidy(() => {
    const theta = network.init(foldIn(key, "network"));
    const gradients: tf.Tensor4D[] = [];
    for (const group of groups) {
      const { gradient, values } = groupGradient(
        context,
        state.images,
        config,
        matching,
        network,
        theta,
        key,
        group,
      );
      gradients.push(gradient);
      for (const [term, value] of Object.entries(values)) terms[term] = (terms[term] ?? 0) + value;
    }
    const gradient = gradients.length === 1 ? gradients[0]! : tf.concat(gradients, 0);
    const velocity = tf.add(tf.mul(state.velocity, config.imageMomentum), gradient) as tf.Tensor4D;
    const images = tf.sub(state.images, tf.mul(velocity, imageRate(config, step))) as tf.Tensor4D;
    return { images, velocity };
  });
  const loss = matching.features
    .map((feature) => feature.term)
    .filter((term, i, all) => all.indexOf(term) === i)
    .reduce((sum, term) => sum + terms[term]!, 0);
  return { state: next, loss, terms };
}

/** Loss terms of some neighbouring classes and the gradient in their synthetic images, `[group·ipc, H, W, C]`. */
function groupGradient(
  context: RunContext,
  images: tf.Tensor4D,
  config: MatchingConfig,
  matching: Matching,
  network: Network,
  theta: tf.Tensor1D,
  key: Key,
  group: readonly number[],
): { gradient: tf.Tensor4D; values: Record<string, number> } {
  const { dataset } = context;
  const realMeans = tf.tidy(() => {
    const batches = group.map((label) => {
      const members = context.real.ofClass(label);
      const count = Math.min(config.realBatch, members.length);
      const batch = context.real.read(choice(foldIn(foldIn(key, "real"), label), members, count));
      return siamese(batch, config, dataset, key, label);
    });
    return realClassMeans(network, theta, batches, matching);
  });

  const values: Record<string, tf.Scalar> = {};
  const lossOf = (synthetic: tf.Tensor4D): tf.Scalar => {
    const batch = syntheticBatch(synthetic, config, dataset, key, group);
    const output = network.apply(theta, batch, { ...matching.outputs, differentiate: "images" });
    const losses = matching.features.map((feature, f) => {
      const distances = feature
        .rows(output)
        .map((rows, i) => squaredMeanDistance(realMeans[f]![i]!, classMeans(rows, group.length)));
      const term = tf.mul(tf.addN(distances), feature.weight) as tf.Scalar;
      const previous = values[feature.term];
      values[feature.term] = tf.keep(
        previous === undefined ? tf.clone(term) : (tf.add(previous, term) as tf.Scalar),
      );
      previous?.dispose();
      return term;
    });
    return tf.addN(losses) as tf.Scalar;
  };
  const start = group[0]! * config.ipc;
  const slice = tf.slice(images, [start, 0, 0, 0], [group.length * config.ipc, -1, -1, -1]);
  const gradient = tf.grad(lossOf as (x: tf.Tensor) => tf.Tensor)(slice) as tf.Tensor4D;
  const numbers = Object.fromEntries(
    Object.entries(values).map(([term, value]) => {
      const [number] = value.dataSync();
      value.dispose();
      return [term, number!];
    }),
  );
  return { gradient, values: numbers };
}

/** Class means of every feature on real images: per feature and layer `[group, D]`. No derivative is taken in them. */
function realClassMeans(
  network: Network,
  theta: tf.Tensor1D,
  batches: readonly tf.Tensor4D[],
  matching: Matching,
): tf.Tensor[][] {
  // Several classes together are never more images than pass at once: only a single class comes in pieces.
  const meansOf = (batch: tf.Tensor4D, count: number): tf.Tensor[][] => {
    let layers: number[] = [];
    const means = meanOverPieces(samplePieces(network, batch.shape[0]), (piece) => {
      const output = network.apply(theta, pieceRows(batch, piece), matching.outputs);
      const rows = matching.features.map((feature) => feature.rows(output));
      layers = rows.map(({ length }) => length);
      return rows.flat().map((own) => classMeans(own, count));
    });
    return layers.map((length, f) => {
      const first = layers.slice(0, f).reduce((sum, own) => sum + own, 0);
      return means.slice(first, first + length);
    });
  };
  const sameSize = batches.every((batch) => batch.shape[0] === batches[0]!.shape[0]);
  if (sameSize) return meansOf(concatenate(batches), batches.length);
  if (!network.usesBatchStatistics) {
    const perClass = batches.map((batch) => meansOf(batch, 1));
    return matching.features.map((_, f) =>
      perClass[0]![f]!.map((__, i) => tf.concat(perClass.map((means) => means[f]![i]!))),
    );
  }
  // Classes smaller than the batch under batch normalisation: one joint pass, then each class's rows on their own.
  const output = network.apply(theta, concatenate(batches), matching.outputs);
  const sizes = batches.map((batch) => batch.shape[0]);
  return matching.features.map((feature) =>
    feature
      .rows(output)
      .map((rows) => tf.concat(tf.split(rows, sizes).map((part) => classMeans(part as tf.Tensor2D, 1)))),
  );
}
