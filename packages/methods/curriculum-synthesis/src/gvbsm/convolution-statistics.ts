import {
  batchMoments,
  choice,
  foldIn,
  keyFromSeed,
  teacherParts,
  weightTensors,
  type BatchMoments,
  type PreparedArrays,
  type PreparedPart,
  type RunContext,
  type TeacherConfig,
} from "@limbeck/core";
import { setImmediate } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
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
 *
 * Differs: the images are not augmented.
 */
export function statisticsPart(context: RunContext, options: StatisticsPartOptions): PreparedPart {
  const { dataset, real } = context;
  const network = context.network(options.teacher.network);
  const count = Math.min(options.images ?? Infinity, dataset.train.size);
  return {
    name: options.part,
    identity: {
      kind: "convolution-statistics",
      version: 1,
      teacher: teacherParts(context, options.teacherPart, options.teacher).at(-1)!.identity,
      images: count,
    },
    multiplyAdds: network.multiplyAdds * count,
    bytes: 4 * network.parameterCount,
    async make(signal, prepared): Promise<PreparedArrays> {
      const arrays = prepared(options.teacherPart);
      const values = (name: string): Float32Array => arrays[name]!.data as Float32Array;
      const teacher = weightTensors(network, {
        theta: values("theta"),
        mean: values("mean"),
        variance: values("variance"),
      });
      const all = Int32Array.from({ length: dataset.train.size }, (_, i) => i);
      const chosen = choice(foldIn(keyFromSeed(0), "convolution statistics"), all, count);
      const sums: Record<string, Float64Array> = {};
      try {
        for (let start = 0; start < count; start += BATCH) {
          signal.throwIfAborted();
          const own = chosen.subarray(start, start + BATCH);
          tf.tidy(() => {
            const { convolutionInputs } = network.apply(teacher.theta, real.read(own), {
              statistics: teacher.statistics,
              convolutionInputs: true,
            });
            const vectors = statisticsVectors(convolutionInputs!.map(convolutionStatistics));
            for (const [name, vector] of Object.entries(vectors)) {
              const sum = (sums[name] ??= new Float64Array(vector.size));
              vector.dataSync().forEach((value, i) => (sum[i] = sum[i]! + (value * own.length) / count));
            }
          });
          await setImmediate();
        }
      } finally {
        tf.dispose([teacher.theta, ...teacher.statistics.mean, ...teacher.statistics.variance]);
      }
      return Object.fromEntries(
        Object.entries(sums).map(([name, sum]) => [
          name,
          { shape: [sum.length], data: Float32Array.from(sum) },
        ]),
      );
    },
  };
}
