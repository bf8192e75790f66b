import {
  choice,
  foldIn,
  keyFromSeed,
  type PreparedArrays,
  type PreparedPart,
  type RunContext,
  type TeacherConfig,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { convolutionStatistics, statisticsVectors } from "../gvbsm/convolution-statistics.ts";
import type { NamedVectors } from "../gvbsm/generalised-loss.ts";
import { momentsOf } from "../shared/matching-loss.ts";
import { teacherStatisticsPart } from "../shared/teacher-statistics.ts";

interface ClassStatisticsOptions {
  /** Name of the part, and of the teacher's. */
  readonly part: string;
  readonly teacherPart: string;
  readonly teacher: TeacherConfig;
  /** Real images of each class to look at; default all. */
  readonly images: number | undefined;
}

/**
 * Statistics of the inputs of all normalisations and convolutions of a teacher, class by class, as a part to prepare: for each a
 * matrix `[K, …]`, the mean over a class's images of each image's own mean or variance.
 */
export function classStatisticsPart(context: RunContext, options: ClassStatisticsOptions): PreparedPart {
  const { dataset, real } = context;
  const batches = dataset.classes.flatMap((_, row) => {
    const members = real.ofClass(row);
    const count = Math.min(options.images ?? Infinity, members.length);
    const chosen = choice(foldIn(foldIn(keyFromSeed(0), "class statistics"), row), members, count);
    return Array.from(chosen, (position) => ({ positions: [position], row, weight: 1 / count }));
  });
  return teacherStatisticsPart(context, {
    ...options,
    identity: { kind: "class-statistics", version: 1, images: options.images ?? null },
    batches,
    rows: dataset.classes.length,
    read: { convolutionInputs: true, normalisationInputs: true },
    vectors(output) {
      const vectors = statisticsVectors(output.convolutionInputs!.map(convolutionStatistics));
      momentsOf(output.normalisationInputs!).forEach(({ mean, variance }, l) => {
        vectors[`normalisation/${l}/mean`] = mean;
        vectors[`normalisation/${l}/variance`] = variance;
      });
      return vectors;
    },
  });
}

/** Means of the rows of a batch's classes, one row for each image. */
export function batchTargets(arrays: PreparedArrays, labels: readonly number[]): NamedVectors {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, { shape, data }]) => {
      const size = shape[1]!;
      const mean = new Float32Array(size);
      for (const label of labels) {
        for (let i = 0; i < size; i++) mean[i] = mean[i]! + data[label * size + i]! / labels.length;
      }
      return [name, tf.tensor1d(mean)];
    }),
  );
}
