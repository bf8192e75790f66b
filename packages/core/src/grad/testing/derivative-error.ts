/** Test support: derivatives of tensor functions against float64 differences of a plain-number reference. */
import * as tf from "@tensorflow/tfjs-core";
import { normal } from "../../random/draw.ts";
import { foldIn, keyFromSeed } from "../../random/key.ts";
import { ensureGradients } from "../ensure-gradients.ts";

/** Reproducible numbers that float32 holds exactly. */
export function draw(seed: string, size: number): Float64Array {
  return Float64Array.from(normal(foldIn(keyFromSeed(11), seed), size));
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function moved(x: Float64Array, direction: Float64Array, step: number): Float64Array {
  return x.map((value, i) => value + step * direction[i]!);
}

/** An operation on tensors and the same in float64, at one point. */
export interface Operation {
  readonly op: (...inputs: tf.Tensor[]) => tf.Tensor;
  readonly reference: (...inputs: Float64Array[]) => ArrayLike<number>;
  readonly inputs: readonly { readonly values: Float64Array; readonly shape: readonly number[] }[];
}

/**
 * Largest relative errors of the first derivative of `Σ c·op(inputs)` along random directions, and of the derivative of that
 * along second ones, for all inputs moved together.
 */
export function derivativeErrors(operation: Operation): { readonly first: number; readonly second: number } {
  ensureGradients();
  const { op, reference, inputs } = operation;
  const values = inputs.map((input) => input.values);
  const outputs = reference(...values).length;
  const c = draw("c", outputs);
  const v = values.map((x, i) => draw(`v${i}`, x.length));
  const w = values.map((x, i) => draw(`w${i}`, x.length));
  const at = (h: number, k: number) =>
    dot(c, reference(...values.map((x, i) => moved(moved(x, v[i]!, h), w[i]!, k))));
  const h = 1e-4;
  const first = (at(h, 0) - at(-h, 0)) / (2 * h);
  const second = (at(h, h) - at(-h, h) - at(h, -h) + at(-h, -h)) / (4 * h * h);
  const [found, foundAgain] = tf.tidy(() => {
    const tensors = inputs.map(({ values: x, shape }) => tf.tensor(Float32Array.from(x), [...shape]));
    const weights = tf.tensor1d(Float32Array.from(c));
    const f = (...x: tf.Tensor[]): tf.Scalar => tf.sum(tf.mul(tf.reshape(op(...x), [outputs]), weights));
    const along = (...x: tf.Tensor[]): tf.Scalar => {
      const gradients = tf.grads(f)(x);
      const parts = gradients.map((g, i) => tf.sum(tf.mul(g, tf.tensor(Float32Array.from(v[i]!), g.shape))));
      return tf.addN(parts) as tf.Scalar;
    };
    const { value, grads } = tf.valueAndGrads(along)(tensors);
    return [value.dataSync()[0]!, grads.reduce((sum, g, i) => sum + dot(g.dataSync(), w[i]!), 0)] as const;
  });
  const relative = (a: number, b: number) => Math.abs(a - b) / Math.max(1, Math.abs(b));
  return { first: relative(found, first), second: relative(foundAgain, second) };
}
