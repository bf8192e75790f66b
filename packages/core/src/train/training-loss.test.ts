import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { useBackend } from "../engine/engine.ts";
import { ensureGradients } from "../grad/ensure-gradients.ts";
import { trainingLoss } from "./training-loss.ts";

beforeAll(async () => {
  await useBackend("cpu");
  ensureGradients();
});

const Z = [
  [1, -2, 0.5],
  [0.3, 0.1, -1],
];
const S = [
  [2, 1, -3],
  [-1, 4, 0],
];
const Y = [
  [1, 0, 0],
  [0, 0.5, 0.5],
];
const softmax = (row: readonly number[], temperature: number): number[] => {
  const weights = row.map((z) => Math.exp(z / temperature));
  return weights.map((weight) => weight / weights.reduce((a, b) => a + b));
};
const crossEntropy = (p: readonly number[], q: readonly number[]): number =>
  -p.reduce((sum, each, k) => sum + each * Math.log(q[k]!), 0);
const mean = (f: (n: number) => number): number => (f(0) + f(1)) / 2;
const lossOf = (loss: Parameters<typeof trainingLoss>[0], scored = true): number =>
  tf.tidy(
    () =>
      trainingLoss(loss, tf.tensor2d(Z), tf.tensor2d(Y), scored ? tf.tensor2d(S) : undefined).dataSync()[0]!,
  );

test("a teacher's scores: Tᵏ times the cross-entropy of the two soft-maxes at T", () => {
  const kl = (T: number, power: number, own = T): number =>
    T ** power * mean((n) => crossEntropy(softmax(S[n]!, T), softmax(Z[n]!, own)));
  const loss = { kind: "cross-entropy", temperature: 20, temperaturePower: 0 } as const;
  expect(lossOf(loss)).toBeCloseTo(kl(20, 0), 6);
  expect(lossOf({ ...loss, temperature: 4, temperaturePower: 2 })).toBeCloseTo(kl(4, 2), 4);
  expect(lossOf({ ...loss, studentTemperature: 1 })).toBeCloseTo(kl(20, 0, 1), 5);
  // Without scores the labels are probabilities already.
  const plain = mean((n) => crossEntropy(Y[n]!, softmax(Z[n]!, 20)));
  expect(lossOf(loss, false)).toBeCloseTo(plain, 6);
});

test("its gradient is that of the divergence: (softmax(z/T) − softmax(s/T)) / NT", () => {
  const gradient = tf.tidy(() => {
    const f = (z: tf.Tensor) =>
      trainingLoss(
        { kind: "cross-entropy", temperature: 3, temperaturePower: 0 },
        z as tf.Tensor2D,
        tf.tensor2d(Y),
        tf.tensor2d(S),
      );
    return tf.grad(f)(tf.tensor2d(Z)).arraySync() as number[][];
  });
  for (const n of [0, 1]) {
    const [p, q] = [softmax(Z[n]!, 3), softmax(S[n]!, 3)];
    p.forEach((each, k) => expect(gradient[n]![k]).toBeCloseTo((each - q[k]!) / 6, 6));
  }
});

test("squared: scores without their means, and a share of the classes' cross-entropy", () => {
  const centred = (row: readonly number[]): number[] => row.map((x) => x - (row[0]! + row[1]! + row[2]!) / 3);
  const squared = mean((n) => {
    const [z, s] = [centred(Z[n]!), centred(S[n]!)];
    return z.reduce((sum, each, k) => sum + (each - s[k]!) ** 2, 0) / 3;
  });
  const classes = mean((n) => crossEntropy(Y[n]!, softmax(Z[n]!, 1)));
  expect(lossOf({ kind: "mse" })).toBeCloseTo(squared, 5);
  expect(lossOf({ kind: "mse", classWeight: 0.025 })).toBeCloseTo(squared + 0.025 * classes, 5);
});
