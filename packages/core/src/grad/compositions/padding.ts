import * as tf from "@tensorflow/tfjs-core";
import type { Composition } from "./composition.ts";

/** Axes that the kernels of all back ends take. */
const AXES = 4;

/**
 * Padding of more than four axes as one of fewer: axes without padding join the one before them, whose padding then counts whole rows of
 * them. Up to four axes, and what stays above, are left to the back end.
 */
export const padV2: Composition = ({ x }, attrs) => {
  const shape = x!.shape;
  if (shape.length <= AXES) return undefined;
  const paddings = attrs["paddings"] as [number, number][];
  const joined: { size: number; before: number; after: number }[] = [];
  shape.forEach((size, axis) => {
    const [before, after] = paddings[axis]!;
    const last = joined.at(-1);
    if (last !== undefined && before === 0 && after === 0) {
      last.size *= size;
      last.before *= size;
      last.after *= size;
    } else {
      joined.push({ size, before, after });
    }
  });
  if (joined.length > AXES) return undefined;
  const padded = tf.pad(
    tf.reshape(x!, joined.map(({ size }) => size)), // prettier-ignore
    joined.map(({ before, after }) => [before, after] as [number, number]),
    attrs["constantValue"] as number,
  );
  return tf.reshape(
    padded,
    shape.map((size, axis) => size + paddings[axis]![0] + paddings[axis]![1]),
  );
};
