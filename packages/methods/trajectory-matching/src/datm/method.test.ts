import {
  createRunContext,
  disposeState,
  distill,
  memoryPartStore,
  prepareContext,
  useBackend,
  type RunEvent,
} from "@limbeck/core";
import { testMethod } from "@limbeck/core/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { toy, toyConfig } from "../shared/testing/toy-config.ts";
import { datmConfigSchema, type DatmConfigInput } from "./config.ts";
import { datm } from "./method.ts";
import { startRange } from "./start-range.ts";

const small = {
  ...toyConfig,
  expertEpochs: 4,
  expertLearningRate: 0.05,
  labelLearningRate: 0.5,
  lossThreshold: "none",
} as const satisfies DatmConfigInput;

testMethod(datm, { dataset: toy, config: small });

async function prepared(input: DatmConfigInput) {
  const config = datmConfigSchema.parse(input);
  const context = await prepareContext(datm, createRunContext(toy, 0), config, {
    store: memoryPartStore(),
    environment: { backend: "cpu", precision: "highest", threads: 1 },
  });
  return { config, context };
}

describe("datm", () => {
  beforeAll(() => useBackend("cpu"));

  it("bounds the start epochs from both sides, the upper bound growing", () => {
    const config = { minStartEpoch: 3, firstMaxStartEpoch: 10, maxStartEpoch: 20, expandUntil: 1000 };
    expect([0, 99, 100, 500, 1000, 5000].map((step) => startRange(config, step).to)).toEqual([
      10, 10, 11, 15, 20, 20,
    ]);
    expect(startRange(config, 0).from).toBe(3);
    expect(startRange({ ...config, firstMaxStartEpoch: "auto" }, 0).to).toBe(20);
  });

  it("starts from images that the mean scores of its experts classify correctly", async () => {
    const { config, context } = await prepared({ ...small, ipc: 2, expertEpochs: 8 });
    const state = datm.init(context, config);
    const { labels } = datm.result(context, state, config);
    expect(labels).toMatchObject({ kind: "soft", space: "logits" });
    for (let n = 0; n < 4; n++) {
      const [a, b] = labels.values.subarray(2 * n, 2 * n + 2);
      expect(n < 2 ? a! > b! : b! > a!).toBe(true);
    }
    disposeState(state);
  });

  it("learns its labels, or leaves them", async () => {
    const { config, context } = await prepared(small);
    const state = datm.init(context, config);
    const first = Float32Array.from(state.labels.dataSync());
    disposeState(state);
    const learned = await distill(datm, toy, { config: small }).result;
    expect(learned.labels.values).not.toEqual(first);
    const kept = await distill(datm, toy, { config: { ...small, iterations: 2, labelLearningRate: 0 } })
      .result;
    expect(kept.labels.values).toEqual(first);
  });

  it("changes nothing in a step above the threshold, momenta included", async () => {
    const { config, context } = await prepared({ ...small, lossThreshold: 1e-6 });
    const state = datm.init(context, config);
    const { state: next, terms } = datm.step(context, state, config, 0);
    expect(terms["heldBack"]).toBe(1);
    expect(next.guarded).toBe(1);
    for (const name of ["images", "velocity", "labels", "labelVelocity"] as const) {
      expect(next[name]).toBe(state[name]);
    }
    expect([next.stepSize, next.stepSizeVelocity]).toEqual([state.stepSize, state.stepSizeVelocity]);
    disposeState(state, next);
    disposeState(next);
  });

  it("gives up after 200 such steps in a row, and tells why", async () => {
    const { config, context } = await prepared({ ...small, lossThreshold: 1e-6 });
    const state = datm.init(context, config);
    expect(() => datm.step(context, { ...state, guarded: 199 }, config, 0)).toThrow(
      "trajectory matching: diverged: in 200 steps in a row the loss was above 0.000001, now",
    );
    disposeState(state);
  });

  it("keeps a step size that would turn negative at the least one, and says so", async () => {
    const config = { ...small, iterations: 4, stepSizeLearningRate: 1e6 };
    const terms: Readonly<Record<string, number>>[] = [];
    for await (const event of distill(datm, toy, { config }) as AsyncIterable<RunEvent>) {
      if (event.kind === "step") terms.push(event.terms);
    }
    const held = terms.filter(({ stepSize }) => stepSize === 1e-6 || stepSize === 1);
    expect(held.length).toBeGreaterThan(0);
    expect(held.every(({ heldBack }) => heldBack === 1)).toBe(true);
  });

  it.each([
    [
      { expertEpochs: 1, maxStartEpoch: 2 },
      "config: segments of 1 epochs that start before epoch 2 reach epoch 2, but the experts have 1; raise expertEpochs or lower maxStartEpoch",
    ],
    [
      { minStartEpoch: 2 },
      "datm config: wanted minStartEpoch < firstMaxStartEpoch ≤ maxStartEpoch, got 2, 2, 2",
    ],
    [{ factor: 2 }, "datm config: factor must be 1, got 2"],
  ] satisfies [Partial<DatmConfigInput>, string][])("refuses %j", async (change, message) => {
    await expect(distill(datm, toy, { config: { ...small, ...change } }).result).rejects.toThrow(message);
  });

  it("refuses images that no expert classifies correctly", async () => {
    const config = { ...small, ipc: 12, expertEpochs: 2, expertLearningRate: 1e-6 };
    await expect(distill(datm, toy, { config }).result).rejects.toThrow(
      /^toy: the 2 experts classify \d+ images of class "class [01]" correctly, wanted 12; train them longer/,
    );
  });
});
