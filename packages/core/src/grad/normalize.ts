import * as tf from "@tensorflow/tfjs-core";
import { differentiableOp1 } from "./differentiable-op.ts";

/** Mean over `axes`, kept at length 1. */
function mean(x: tf.Tensor, axes: number[]): tf.Tensor {
  return tf.mean(x, axes, true);
}

/**
 * `z = (u − mean(u)) · (var(u) + ε)^(−1/2)`, mean and biased variance over `axes`.
 *
 * Differentiable in `u`, twice.
 *
 * @param u Any shape, float32.
 * @param axes Axes of one normalised set.
 * @returns Same shape as `u`.
 */
export function normalize<T extends tf.Tensor>(u: T, axes: number[], epsilon: number): T {
  return differentiableOp1<T>({
    inputs: { u },
    forward: (save) => {
      save([u]);
      return standardise(u, axes, epsilon).z as T;
    },
    backward: (dz, saved) => ({ u: () => normalizeGradient(dz, saved[0]!, axes, epsilon) }),
  });
}

function standardise(u: tf.Tensor, axes: number[], epsilon: number): { z: tf.Tensor; r: tf.Tensor } {
  const centred = tf.sub(u, mean(u, axes));
  const r = tf.rsqrt(tf.add(mean(tf.square(centred), axes), epsilon));
  return { z: tf.mul(centred, r), r };
}

/** `x − mean(x) − z · mean(x·z)`: what is left of x without its components along 1 and z. */
function project(x: tf.Tensor, z: tf.Tensor, axes: number[]): tf.Tensor {
  return tf.sub(tf.sub(x, mean(x, axes)), tf.mul(z, mean(tf.mul(x, z), axes)));
}

/** `du = r · (dz − mean(dz) − z · mean(dz·z))`, and its own gradients in dz and u. */
function normalizeGradient(dz: tf.Tensor, u: tf.Tensor, axes: number[], epsilon: number): tf.Tensor {
  return differentiableOp1<tf.Tensor>({
    inputs: { dz, u },
    forward: (save) => {
      save([dz, u]);
      const { z, r } = standardise(u, axes, epsilon);
      return tf.mul(r, project(dz, z, axes));
    },
    backward: (g, saved) => {
      const [upstream, input] = saved as [tf.Tensor, tf.Tensor];
      return {
        dz: () => normalizeGradient(g, input, axes, epsilon),
        u: () => {
          const { z, r } = standardise(input, axes, epsilon);
          const du = tf.mul(r, project(upstream, z, axes));
          const zBar = tf.neg(
            tf.mul(
              r,
              tf.add(tf.mul(g, mean(tf.mul(upstream, z), axes)), tf.mul(upstream, mean(tf.mul(g, z), axes))),
            ),
          );
          // r̄/n · r² with r̄ = Σ g·du / r, so only the mean of g·du is needed.
          const rBar = tf.mul(r, mean(tf.mul(g, du), axes));
          return tf.sub(tf.mul(r, project(zBar, z, axes)), tf.mul(z, rBar));
        },
      };
    },
  });
}
