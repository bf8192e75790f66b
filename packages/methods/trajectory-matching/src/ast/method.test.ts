import { createNetwork, distill, keyFromSeed, useBackend, type RunEvent } from "@limbeck/core";
import { testMethod } from "@limbeck/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { toy, toyConfig } from "../shared/testing/toy-config.ts";
import { mtt } from "../mtt/method.ts";
import type { AstConfigInput } from "./config.ts";
import { ast, onTheWay } from "./method.ts";
import { perturbFilters } from "./perturb-filters.ts";
import { balanceFactor } from "./start-balance.ts";

const small = {
  ...toyConfig,
  experts: 1,
  expertEpochs: 3,
  matchedEpochs: 2,
  innerSteps: 4,
  maxStartEpoch: 1,
  imageLearningRate: 0.3,
} as const satisfies AstConfigInput;

testMethod(ast, { dataset: toy, config: small, lossFallsTo: 1 });

describe("ast", () => {
  beforeAll(() => useBackend("cpu"));

  it("balances around the middle of the range", () => {
    expect(balanceFactor(10, 20)).toBeCloseTo(1.292, 3);
    expect(balanceFactor(0, 20)).toBeCloseTo(0.557, 3);
    expect(balanceFactor(19, 20)).toBeCloseTo(1.76, 2);
    expect(balanceFactor(9, 20)).toBeCloseTo(1 / (Math.log(9) / Math.log(5)), 6);
  });

  it("matches epoch k at step k·⌊N/M⌋, with weight 1 or k/M", () => {
    const config = { innerSteps: 20, matchedEpochs: 3, intermediate: "equal" } as const;
    expect(onTheWay(config)).toEqual([
      { epochs: 1, step: 6, weight: 1 },
      { epochs: 2, step: 12, weight: 1 },
    ]);
    expect(onTheWay({ ...config, intermediate: "rising" }).map(({ weight }) => weight)).toEqual([
      1 / 3,
      2 / 3,
    ]);
    expect(onTheWay({ ...config, intermediate: "none" })).toEqual([]);
  });

  it("perturbs each filter bank by a relative noise of length α, and nothing else", () => {
    const { parameters, parameterCount } = createNetwork("convnet2-w4", {
      inputShape: [8, 8, 3],
      classes: 2,
    });
    const moved = tf.tidy(() =>
      perturbFilters(tf.ones([parameterCount]), parameters, 0.7, keyFromSeed(1)).dataSync(),
    );
    for (const { shape, offset, size } of parameters) {
      const noise = Array.from(moved.subarray(offset, offset + size), (value) => value - 1);
      expect(Math.hypot(...noise)).toBeCloseTo(shape.length === 4 ? 0.7 : 0, 4);
    }
  });

  it("logs the distances on the way", async () => {
    const events: RunEvent[] = [];
    for await (const event of distill(ast, toy, { config: { ...small, iterations: 1 } })) events.push(event);
    const [step] = events.filter((event) => event.kind === "step");
    const { distance, "intermediate-1": early } = step!.terms;
    expect(step!.loss).toBeCloseTo(distance! + early!, 6);
  });

  it("is MTT on its own experts with all of its changes off", async () => {
    const config = { ...toyConfig, iterations: 3 };
    const off = {
      initialisation: "real",
      perturbation: 0,
      balance: false,
      intermediate: "none",
      innerMomentum: 0,
      expertEpochs: 2,
      expertLearningRate: 0.01,
      expertMomentum: 0,
      expertWeightDecay: 0,
      expertDropEpoch: 0,
      lossRampEpochs: 0,
      gradientPenalty: 0,
    } as const;
    const plain = await distill(mtt, toy, { config }).result;
    const found = await distill(ast, toy, { config: { ...config, ...off } }).result;
    expect(found.images).toEqual(plain.images);
    for (const change of [{ perturbation: 1 }, { balance: true }, { innerMomentum: 0.5 }]) {
      const other = await distill(ast, toy, { config: { ...config, ...off, ...change } }).result;
      expect(other.images).not.toEqual(plain.images);
    }
  });

  it("refuses fewer steps than epochs to match on the way", async () => {
    const config = { ...small, innerSteps: 1 };
    await expect(distill(ast, toy, { config }).result).rejects.toThrow(
      "ast config: matching on the way needs at least as many innerSteps as matchedEpochs, got 1 and 2",
    );
  });
});
