import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureGradients, keyFromSeed, useBackend } from "@limbeck/core";
import { afterStep, newPlateau } from "./plateau.ts";
import { poolRecipe } from "./network-pool.ts";
import { samplingNetwork } from "./sampling-network.ts";
import { teacherLabels } from "./teacher-labels.ts";

beforeEach(async () => {
  await useBackend("cpu");
  ensureGradients();
  tf.engine().startScope();
});
afterEach(() => tf.engine().endScope());

describe("the plateau", () => {
  it("reduces the rate after more than `patience` steps without improvement, and counts again", () => {
    const options = { patience: 2, reduceBy: 0.5 };
    const values = [10, 9, 9, 9, 9, 8, 8, 8, 8, 8, 8];
    let plateau = newPlateau;
    const factors = values.map((value) => (plateau = afterStep(plateau, value, options)).factor);
    expect(factors).toEqual([1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]);
  });

  it("does not count less than a ten-thousandth as an improvement", () => {
    const { best } = afterStep({ best: 1, since: 0, factor: 1 }, 0.99995, { patience: 5, reduceBy: 0.5 });
    expect(best).toBe(1);
  });
});

describe("samplingNetwork", () => {
  const options = { features: 6, frequencies: 32, width: 4 };

  it("gives 16 frequencies for each vector of scales, all between 1/e and e times a normal draw", () => {
    const psi = samplingNetwork({ ...options, kind: "scales" });
    const theta = psi.init(keyFromSeed(0));
    expect(theta.shape).toEqual([psi.parameterCount]);
    const t = psi.frequencies(theta, keyFromSeed(1));
    expect(t.shape).toEqual([32, 6]);
    const still = psi.frequencies(tf.zerosLike(theta), keyFromSeed(1));
    // Zero parameters: every scale is exp(tanh(0)) = 1, so this is the normal draw itself.
    const scales = tf.div(t, still).arraySync() as number[][];
    for (const row of scales) {
      for (const value of row) {
        expect(value).toBeGreaterThan(Math.exp(-1));
        expect(value).toBeLessThan(Math.exp(1));
      }
    }
    for (const [first, second] of [scales.slice(0, 16), scales.slice(16)].map((block) => [
      block[0]!,
      block[9]!,
    ])) {
      first!.forEach((value, d) => expect(second![d]).toBeCloseTo(value, 4));
    }
    expect(scales[0]![0]).not.toBeCloseTo(scales[16]![0]!, 4);
  });

  it("gives the code's four bounded vectors", () => {
    const psi = samplingNetwork({ ...options, kind: "code-tanh4" });
    expect(psi.parameterCount).toBe(3 * (36 + 6 + 6 + 6));
    const t = psi.frequencies(psi.init(keyFromSeed(0)), keyFromSeed(1));
    expect(t.shape).toEqual([4, 6]);
    for (const value of t.dataSync()) expect(Math.abs(value)).toBeLessThanOrEqual(1);
    // Batch normalisation over the four rows: before the tanh every feature has mean 0.
    const mean = tf.mean(tf.atanh(t), 0).dataSync();
    for (const value of mean) expect(value).toBeCloseTo(0, 4);
  });

  it.each(["scales", "code-tanh4"] as const)("is differentiable in its parameters (%s)", (kind) => {
    const psi = samplingNetwork({ ...options, kind });
    const theta = psi.init(keyFromSeed(0));
    const weights = tf.cos(tf.range(0, kind === "scales" ? 192 : 24));
    const f = (parameters: tf.Tensor): tf.Tensor =>
      tf.sum(tf.mul(tf.reshape(psi.frequencies(parameters as tf.Tensor1D, keyFromSeed(1)), [-1]), weights));
    const direction = tf.sin(tf.range(0, psi.parameterCount));
    const exact = tf.sum(tf.mul(tf.grad(f)(theta), direction)).dataSync()[0]!;
    const at = (h: number): number => f(tf.add(theta, tf.mul(direction, h))).dataSync()[0]!;
    expect((at(2e-3) - at(-2e-3)) / 4e-3 / exact).toBeCloseTo(1, 1);
  });
});

describe("teacherLabels", () => {
  it("keeps the probabilities where the teacher is right, else is certain of the true class", () => {
    const logits = tf.tensor2d([
      [Math.log(6), Math.log(3), 0],
      [0, Math.log(6), Math.log(3)],
    ]);
    const labels = teacherLabels(logits, [0, 2]);
    [0.6, 0.3, 0.1, 0, 0, 1].forEach((value, i) => expect(labels[i]).toBeCloseTo(value, 6));
  });
});

describe("poolRecipe", () => {
  it("drops the rate after two thirds and five sixths", () => {
    expect(poolRecipe(60).schedule).toEqual({ kind: "steps", at: [40, 50], factor: 0.2 });
    expect(poolRecipe(1).schedule).toEqual({ kind: "steps", at: [], factor: 0.2 });
  });
});
