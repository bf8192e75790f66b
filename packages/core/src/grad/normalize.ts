import * as tf from "@tensorflow/tfjs-core";
import { differentiableOp, differentiableOp1, type LazyGradients } from "./differentiable-op.ts";
import { sumTo } from "./rules/sum-to.ts";

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

/** Gradient of ⟨normalizeGradient(dz, u), g⟩ in u. */
function normalizeCurvature(
  g: tf.Tensor,
  dz: tf.Tensor,
  u: tf.Tensor,
  axes: number[],
  epsilon: number,
): tf.Tensor {
  const { z, r } = standardise(u, axes, epsilon);
  const du = tf.mul(r, project(dz, z, axes));
  const curved = tf.add(tf.mul(g, mean(tf.mul(dz, z), axes)), tf.mul(dz, mean(tf.mul(g, z), axes)));
  const zBar = tf.neg(tf.mul(r, curved));
  // r̄/n · r² with r̄ = Σ g·du / r, so only the mean of g·du is needed.
  const rBar = tf.mul(r, mean(tf.mul(g, du), axes));
  return tf.sub(tf.mul(r, project(zBar, z, axes)), tf.mul(z, rBar));
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
        u: () => normalizeCurvature(g, upstream, input, axes, epsilon),
      };
    },
  });
}

/**
 * `y = γ·z + β` with z = {@link normalize}(u): for normalisations whose γ is one number in each normalised set (batch and
 * instance normalisation), in fewer passes over memory than the two steps.
 *
 * Differentiable in `u`, `gamma` and `beta`, twice.
 *
 * @param u `[N, H, W, C]`
 * @param gamma `[C]`
 * @param beta `[C]`
 * @param axes Axes of one normalised set; not the channels.
 */
export function normalizeAffine(
  u: tf.Tensor4D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  axes: number[],
  epsilon: number,
): tf.Tensor4D {
  return differentiableOp1<tf.Tensor4D>({
    inputs: { u, gamma, beta },
    forward: (save) => {
      save([u, gamma]);
      const centred = tf.sub(u, mean(u, axes));
      const r = tf.rsqrt(tf.add(mean(tf.square(centred), axes), epsilon));
      return tf.add(tf.mul(centred, tf.mul(r, gamma)), beta);
    },
    backward: (dy, saved) => {
      const [input, scale] = saved as [tf.Tensor4D, tf.Tensor1D];
      const [du, dgamma, dbeta] = affineGradient(dy, input, scale, axes, epsilon);
      return { u: () => du!, gamma: () => dgamma!, beta: () => dbeta! };
    },
  });
}

/** `du = γ·r·(dy − mean(dy) − z·mean(dy·z))`, `dγ = Σ dy·z`, `dβ = Σ dy`, and their own gradients in dy, u and γ. */
function affineGradient(
  dy: tf.Tensor,
  u: tf.Tensor,
  gamma: tf.Tensor,
  axes: number[],
  epsilon: number,
): tf.Tensor[] {
  return differentiableOp({
    inputs: { dy, u, gamma },
    forward: (save) => {
      save([dy, u, gamma]);
      const centred = tf.sub(u, mean(u, axes));
      const r = tf.rsqrt(tf.add(mean(tf.square(centred), axes), epsilon));
      const sum = tf.sum(dy, axes, true);
      const sumOfProducts = tf.mul(tf.sum(tf.mul(dy, centred), axes, true), r);
      const count = u.size / sum.size;
      const slope = tf.mul(gamma, r);
      const alongOne = tf.div(tf.mul(slope, sum), count);
      const alongZ = tf.div(tf.mul(tf.mul(slope, r), sumOfProducts), count);
      const du = tf.sub(tf.sub(tf.mul(dy, slope), tf.mul(centred, alongZ)), alongOne);
      return [du, sumTo(sumOfProducts, gamma.shape), sumTo(sum, gamma.shape)];
    },
    backward: (cotangents, saved): LazyGradients => {
      const [g, cgamma, cbeta] = cotangents as [tf.Tensor, tf.Tensor, tf.Tensor];
      const [upstream, input, scale] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
      return {
        dy: () => {
          const { z } = standardise(input, axes, epsilon);
          return tf.add(
            tf.mul(scale, normalizeGradient(g, input, axes, epsilon)),
            tf.add(tf.mul(cgamma, z), cbeta),
          );
        },
        u: () =>
          tf.add(
            normalizeCurvature(g, tf.mul(upstream, scale), input, axes, epsilon),
            normalizeGradient(tf.mul(upstream, cgamma), input, axes, epsilon),
          ),
        gamma: () => sumTo(tf.mul(upstream, normalizeGradient(g, input, axes, epsilon)), scale.shape),
      };
    },
  });
}
