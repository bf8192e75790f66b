import {
  batchMoments,
  choice,
  foldIn,
  keyFromSeed,
  type BatchMoments,
  type PreparedPart,
  type RunContext,
  type TeacherConfig,
} from "@limbeck/core";
import type * as tf from "@tensorflow/tfjs-core";
import { teacherStatisticsPart } from "../shared/teacher-statistics.ts";
import { patchMoments } from "./patch-moments.ts";

/** Images of which a batch's variances are taken: the mean over batches is kept, as published. */
const BATCH = 64;

/** Statistics of one convolution's input: by channel, and by patch. */
export interface ConvolutionStatistics {
  readonly channels: BatchMoments;
  readonly patches: BatchMoments;
}

/** Of a batch. Differentiable. */
export function convolutionStatistics(input: tf.Tensor4D): ConvolutionStatistics {
  return { channels: batchMoments(input), patches: patchMoments(input) };
}

/** Every vector of the statistics of all layers, by a name that says where it belongs. */
export function statisticsVectors(layers: readonly ConvolutionStatistics[]): Record<string, tf.Tensor1D> {
  const vectors: Record<string, tf.Tensor1D> = {};
  layers.forEach(({ channels, patches }, l) => {
    vectors[`convolution/${l}/mean`] = channels.mean;
    vectors[`convolution/${l}/variance`] = channels.variance;
    vectors[`convolution/${l}/patchMean`] = patches.mean;
    vectors[`convolution/${l}/patchVariance`] = patches.variance;
  });
  return vectors;
}

interface StatisticsPartOptions {
  /** Name of the part, and of the teacher's. */
  readonly part: string;
  readonly teacherPart: string;
  readonly teacher: TeacherConfig;
  /** Real images to look at; default all. */
  readonly images: number | undefined;
}

/**
 * Statistics of the inputs of all convolutions of a teacher over real training images, as a part to prepare: the arrays of
 * {@link statisticsVectors}.
 */
export function statisticsPart(context: RunContext, options: StatisticsPartOptions): PreparedPart {
  const { size } = context.dataset.train;
  const count = Math.min(options.images ?? Infinity, size);
  const all = Int32Array.from({ length: size }, (_, i) => i);
  const chosen = choice(foldIn(keyFromSeed(0), "convolution statistics"), all, count);
  const batches = Array.from({ length: Math.ceil(count / BATCH) }, (_, b) => {
    const positions = chosen.subarray(b * BATCH, (b + 1) * BATCH);
    return { positions, row: 0, weight: positions.length / count };
  });
  return teacherStatisticsPart(context, {
    ...options,
    identity: { kind: "convolution-statistics", version: 1, images: count },
    batches,
    read: { convolutionInputs: true },
    vectors: ({ convolutionInputs }) => statisticsVectors(convolutionInputs!.map(convolutionStatistics)),
  });
}
