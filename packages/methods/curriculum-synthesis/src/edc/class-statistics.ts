import {
  choice,
  foldIn,
  keyFromSeed,
  teacherParts,
  weightTensors,
  type PreparedArrays,
  type PreparedPart,
  type RunContext,
  type TeacherConfig,
} from "@limbeck/core";
import { setImmediate } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import { convolutionStatistics, statisticsVectors } from "../gvbsm/convolution-statistics.ts";
import type { NamedVectors } from "../gvbsm/generalised-loss.ts";
import { momentsOf } from "../shared/matching-loss.ts";

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
 *
 * Differs: the images are not augmented.
 */
export function classStatisticsPart(context: RunContext, options: ClassStatisticsOptions): PreparedPart {
  const { dataset, real } = context;
  const network = context.network(options.teacher.network);
  const classes = dataset.classes.length;
  const positions = dataset.classes.map((_, label) => {
    const members = real.ofClass(label);
    const count = Math.min(options.images ?? Infinity, members.length);
    return choice(foldIn(foldIn(keyFromSeed(0), "class statistics"), label), members, count);
  });
  const total = positions.reduce((sum, { length }) => sum + length, 0);
  return {
    name: options.part,
    identity: {
      kind: "class-statistics",
      version: 1,
      teacher: teacherParts(context, options.teacherPart, options.teacher).at(-1)!.identity,
      images: options.images ?? null,
    },
    multiplyAdds: network.multiplyAdds * total,
    bytes: 4 * network.parameterCount * classes,
    async make(signal, prepared): Promise<PreparedArrays> {
      const arrays = prepared(options.teacherPart);
      const values = (name: string): Float32Array => arrays[name]!.data as Float32Array;
      const teacher = weightTensors(network, {
        theta: values("theta"),
        mean: values("mean"),
        variance: values("variance"),
      });
      const sums: Record<string, Float64Array> = {};
      try {
        for (const [label, own] of positions.entries()) {
          for (const position of own) {
            signal.throwIfAborted();
            tf.tidy(() => {
              const output = network.apply(teacher.theta, real.read([position]), {
                statistics: teacher.statistics,
                convolutionInputs: true,
                normalisationInputs: true,
              });
              const vectors = statisticsVectors(output.convolutionInputs!.map(convolutionStatistics));
              momentsOf(output.normalisationInputs!).forEach(({ mean, variance }, l) => {
                vectors[`normalisation/${l}/mean`] = mean;
                vectors[`normalisation/${l}/variance`] = variance;
              });
              for (const [name, vector] of Object.entries(vectors)) {
                const sum = (sums[name] ??= new Float64Array(classes * vector.size));
                const offset = label * vector.size;
                vector
                  .dataSync()
                  .forEach((value, i) => (sum[offset + i] = sum[offset + i]! + value / own.length));
              }
            });
            await setImmediate();
          }
        }
      } finally {
        tf.dispose([teacher.theta, ...teacher.statistics.mean, ...teacher.statistics.variance]);
      }
      return Object.fromEntries(
        Object.entries(sums).map(([name, sum]) => [
          name,
          { shape: [classes, sum.length / classes], data: Float32Array.from(sum) },
        ]),
      );
    },
  };
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
