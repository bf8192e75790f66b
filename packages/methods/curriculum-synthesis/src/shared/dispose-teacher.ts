import type { Teacher } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/** Frees a teacher's tensors. */
export function disposeTeacher({ theta, statistics }: Pick<Teacher, "theta" | "statistics">): void {
  tf.dispose([theta, ...statistics.mean, ...statistics.variance]);
}
