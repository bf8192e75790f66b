import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { expect } from "vitest";
import { registerNativeBackend } from "../register-native-backend.ts";

/** Rounding of a handful of float32 operations. */
const F32_RTOL = 4e-6;

/** Runs a function on one back end. Both back ends start synchronously, so the switch is immediate. */
export function on<T>(backend: "cpu" | "native", run: () => T): T {
  // Also makes tfjs check after every kernel that it left no data behind.
  tf.env().set("IS_TEST", true);
  registerNativeBackend();
  void tf.setBackend(backend);
  if (tf.getBackend() !== backend) throw new Error(`on: back end ${backend} did not start`);
  return run();
}

/** What one result is: shape, type and numbers. */
export interface Result {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly values: readonly number[];
}

function results(run: () => tf.Tensor | tf.Tensor[]): Result[] {
  const before = tf.memory().numTensors;
  const list = tf.tidy(() => {
    const out = run();
    return (Array.isArray(out) ? out : [out]).map((tensor) => ({
      shape: tensor.shape,
      dtype: tensor.dtype,
      values: Array.from(tensor.dataSync()),
    }));
  }) as unknown as Result[];
  expect(tf.memory().numTensors).toBe(before);
  return list;
}

export interface Tolerance {
  readonly rtol?: number;
  readonly atol?: number;
}

/** Runs a function on both back ends and expects the same shapes, types and numbers; NaN and infinities in the same places. */
export function expectSame(
  run: () => tf.Tensor | tf.Tensor[],
  { rtol = F32_RTOL, atol = 1e-6 }: Tolerance = {},
): void {
  const expected = on("cpu", () => results(run));
  const actual = on("native", () => results(run));
  expect(actual.map(({ shape, dtype }) => ({ shape, dtype }))).toEqual(
    expected.map(({ shape, dtype }) => ({ shape, dtype })),
  );
  expected.forEach((want, k) => expectClose(actual[k]!.values, want.values, { rtol, atol }));
}

/** Expects close numbers; NaN and infinities in the same places. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol = F32_RTOL, atol = 1e-6 }: Tolerance = {},
): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [got, want] = [actual[i]!, expected[i]!];
    const close =
      Object.is(got, want) || got === want || Math.abs(got - want) <= atol + rtol * Math.abs(want);
    if (!close && !(Number.isNaN(got) && Number.isNaN(want))) {
      expect.fail(`element ${i} of ${expected.length}: wanted ${want}, got ${got}`);
    }
  }
}

/** Numbers in [low, high) that depend on the seed alone. */
export function numbers(size: number, seed: number, low = -2, high = 2): Float32Array {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + ((high - low) * (state >>> 8)) / 2 ** 24;
  });
}

/** A tensor of such numbers. */
export function randomTensor<T extends tf.Tensor = tf.Tensor>(
  shape: readonly number[],
  seed: number,
  low = -2,
  high = 2,
): T {
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(numbers(size, seed, low, high), shape as number[]) as T;
}

const AWKWARD = [
  NaN,
  Infinity,
  -Infinity,
  0,
  -0,
  1e-45,
  -1e-38,
  3e38,
  -3e38,
  88.9,
  -104.5,
  0.5,
  1,
  -1,
  6,
  2.5,
];

/** Like {@link randomTensor} with NaN, infinities, zeros, denormal and huge numbers strewn in. */
export function awkwardTensor(shape: readonly number[], seed: number, low = -3, high = 3): tf.Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = numbers(size, seed, low, high);
  const where = numbers(size, seed + 1, 0, 1);
  for (let i = 0; i < size; i++) {
    if (where[i]! < 0.25) values[i] = AWKWARD[Math.floor(where[i]! * 4 * AWKWARD.length)]!;
  }
  return tf.tensor(values, shape as number[]);
}

/** Sizes around one, the vector widths and their neighbours. */
export const size = (most = 40) => fc.oneof(fc.constantFrom(1, 2, 3), fc.integer({ min: 1, max: most }));
/** Shapes of up to `most` axes. */
export const shape = (most = 4, length = 9) => fc.array(size(length), { maxLength: most });
/** Seeds of the numbers. */
export const seed = fc.integer({ min: 0, max: 2 ** 30 });
