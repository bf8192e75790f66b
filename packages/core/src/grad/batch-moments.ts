import * as tf from "@tensorflow/tfjs-core";
import { differentiableOp } from "./differentiable-op.ts";
import { ensureGradients } from "./ensure-gradients.ts";

/** Statistics of one layer over a batch, `[C]` each. */
export interface BatchMoments {
  readonly mean: tf.Tensor1D;
  /** Biased: divided by the number of elements. */
  readonly variance: tf.Tensor1D;
}

/**
 * Mean and biased variance of every channel over images and positions:
 *
 *     m = (1/n) Σ x      v = (1/n) Σ (x − m)²      dx = (dm + 2·(x − m)·dv) / n
 *
 * Differentiable in `x`, twice.
 *
 * @param x `[N, h, w, C]`, or `[N, C]`; n counts all axes but the last.
 */
export function batchMoments(x: tf.Tensor): BatchMoments {
  ensureGradients();
  const channels = x.shape.at(-1)!;
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const count = x.size / channels;
  const [mean, variance] = differentiableOp({
    inputs: { x },
    forward: (save) => {
      save([x]);
      const m = tf.mean(x, axes);
      return [m, tf.tidy(() => tf.mean(tf.square(tf.sub(x, m)), axes))];
    },
    backward: ([dm, dv], [saved]) => ({
      x: () =>
        tf.add(
          tf.div(dm!, count),
          tf.mul(tf.sub(saved!, tf.mean(saved!, axes, true)), tf.mul(dv!, 2 / count)),
        ),
    }),
  }) as [tf.Tensor1D, tf.Tensor1D];
  return { mean, variance };
}
