import {
  teacherParts,
  weightTensors,
  type ApplyOptions,
  type NetworkOutput,
  type PreparedArrays,
  type PreparedPart,
  type RunContext,
  type TeacherConfig,
} from "@limbeck/core";
import { setImmediate } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import { disposeTeacher } from "./dispose-teacher.ts";

/** Real images whose statistics are taken together. */
export interface StatisticsBatch {
  readonly positions: ArrayLike<number>;
  /** Row of the result that they count in. */
  readonly row: number;
  /** What they count there: the weights of a row add up to 1. */
  readonly weight: number;
}

export interface TeacherStatisticsOptions {
  /** Name of the part, and of the teacher's. */
  readonly part: string;
  readonly teacherPart: string;
  readonly teacher: TeacherConfig;
  /** What the statistics are, beside the teacher's own identity. */
  readonly identity: { readonly kind: string; readonly version: number; readonly images: number | null };
  readonly batches: readonly StatisticsBatch[];
  /** Number of rows, for matrices `[rows, …]`; without it there is one row, and the result are vectors. */
  readonly rows?: number;
  /** Which activations `vectors` reads. */
  readonly read: Pick<ApplyOptions, "convolutionInputs" | "normalisationInputs">;
  /** Statistics of one batch by name, one vector each. */
  readonly vectors: (output: NetworkOutput) => Record<string, tf.Tensor1D>;
}

/**
 * Weighted sums over real training images of what a teacher's activations say, as a part to prepare. The sums are kept in double
 * precision and rounded once; memory is one batch's.
 *
 * Differs: the images are not augmented.
 */
export function teacherStatisticsPart(context: RunContext, options: TeacherStatisticsOptions): PreparedPart {
  const { batches, rows = 1, read, vectors } = options;
  const network = context.network(options.teacher.network);
  const images = batches.reduce((sum, { positions }) => sum + positions.length, 0);
  return {
    name: options.part,
    identity: {
      ...options.identity,
      teacher: teacherParts(context, options.teacherPart, options.teacher).at(-1)!.identity,
    },
    multiplyAdds: network.multiplyAdds * images,
    bytes: 4 * network.parameterCount * rows,
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
        for (const { positions, row, weight } of batches) {
          signal.throwIfAborted();
          tf.tidy(() => {
            const { statistics, theta } = teacher;
            const output = network.apply(theta, context.real.read(positions), { statistics, ...read });
            for (const [name, vector] of Object.entries(vectors(output))) {
              const sum = (sums[name] ??= new Float64Array(rows * vector.size));
              const offset = row * vector.size;
              vector.dataSync().forEach((value, i) => (sum[offset + i] = sum[offset + i]! + value * weight));
            }
          });
          await setImmediate();
        }
      } finally {
        disposeTeacher(teacher);
      }
      return Object.fromEntries(
        Object.entries(sums).map(([name, sum]) => [
          name,
          {
            shape: options.rows === undefined ? [sum.length] : [rows, sum.length / rows],
            data: Float32Array.from(sum),
          },
        ]),
      );
    },
  };
}
