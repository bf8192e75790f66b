import { readFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, describe, expect, it } from "vitest";
import { movingAverage } from "./moving-average.ts";
import { adam, adamw, sgd, type Optimiser, type OptimiserState } from "./optimiser.ts";

interface Fixture {
  readonly start: number[];
  readonly gradients: number[][];
  readonly rates: number[];
  readonly trajectories: Readonly<Record<string, number[][]>>;
}
const fixture = JSON.parse(
  readFileSync(new URL("../../fixtures/pytorch/optimisers.json", import.meta.url), "utf8"),
) as Fixture;

/** Six float32 updates of numbers near 1. */
const F32_STEPS_ATOL = 1e-6;

const optimisers: Readonly<Record<string, Optimiser>> = {
  sgd: sgd(),
  "sgd-momentum": sgd({ momentum: 0.9 }),
  "sgd-momentum-decay": sgd({ momentum: 0.9, weightDecay: 0.05 }),
  "sgd-nesterov": sgd({ momentum: 0.8, weightDecay: 0.05, nesterov: true }),
  adam: adam(),
  "adam-betas-decay": adam({ betas: [0.5, 0.9], weightDecay: 0.1, epsilon: 1e-3 }),
  adamw: adamw({ weightDecay: 0.1 }),
};

beforeAll(() => tf.setBackend("cpu"));

describe("optimisers", () => {
  it("are all in the fixture", () => {
    expect(Object.keys(fixture.trajectories)).toEqual(Object.keys(optimisers));
  });

  it.each(Object.keys(optimisers))(
    "%s follows PyTorch, leaks nothing and leaves its arguments alone",
    (name) => {
      const optimiser = optimisers[name]!;
      const before = tf.memory().numTensors;
      let theta: tf.Tensor = tf.tensor1d(fixture.start);
      let state: OptimiserState = optimiser.init(theta);
      const kept = tf.memory().numTensors;
      fixture.gradients.forEach((values, step) => {
        const gradient = tf.tensor1d(values);
        const next = optimiser.update(theta, gradient, state, fixture.rates[step]!);
        expect(Array.from(gradient.dataSync())).toEqual(Array.from(Float32Array.from(values)));
        tf.dispose([theta, gradient, Object.values(state).filter((v) => v instanceof tf.Tensor)]);
        ({ theta, state } = next);
        theta.dataSync().forEach((value, i) => {
          expect(Math.abs(value - fixture.trajectories[name]![step]![i]!)).toBeLessThan(F32_STEPS_ATOL);
        });
        expect(tf.memory().numTensors).toBe(kept);
      });
      tf.dispose([theta, Object.values(state).filter((v) => v instanceof tf.Tensor)]);
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  it("names options out of range", () => {
    expect(() => sgd({ momentum: 1 })).toThrow("sgd: momentum must be at least 0 and below 1, got 1");
    expect(() => sgd({ weightDecay: -1 })).toThrow("sgd: weightDecay must be at least 0, got -1");
    expect(() => sgd({ nesterov: true })).toThrow("sgd: nesterov needs a momentum above 0, got 0; set one");
    expect(() => adam({ betas: [0.9, 1.5] })).toThrow(
      "adam: betas[1] must be at least 0 and below 1, got 1.5",
    );
  });
});

describe("movingAverage", () => {
  it("weights the newest value by 1 − decay", () => {
    const result = tf.tidy(() => movingAverage(tf.tensor1d([1, 2]), tf.tensor1d([5, 2]), 0.75).dataSync());
    expect(Array.from(result)).toEqual([2, 2]);
  });
});
