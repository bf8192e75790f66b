import * as tf from "@tensorflow/tfjs-core";
import type { Composition } from "./composition.ts";

/** `onValue` where the class is that of the index, `offValue` elsewhere: `[…, depth]`. */
export const oneHot: Composition = ({ indices }, attrs) => {
  const { dtype, depth, onValue, offValue } = attrs as {
    readonly dtype: "int32" | "float32";
    readonly depth: number;
    readonly onValue: number;
    readonly offValue: number;
  };
  const hits = tf.equal(tf.expandDims(indices!, -1), tf.range(0, depth, 1, "int32"));
  return tf.where(hits, tf.scalar(onValue, dtype), tf.scalar(offValue, dtype));
};
