import { distill, useBackend } from "@limbeck/core";
import { testMethod } from "@limbeck/core/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { toy, toyConfig } from "../shared/testing/toy-config.ts";
import { mtt } from "../mtt/method.ts";
import { tesla } from "./method.ts";

// Experts that know something: what barely trained ones assign says nothing about the images.
testMethod(tesla, {
  dataset: toy,
  config: {
    ...toyConfig,
    experts: 1,
    expertLearningRate: 0.05,
    matchedEpochs: 3,
    maxStartEpoch: 1,
    stepSize: 0.2,
    labels: "assigned",
  },
  lossFallsTo: 1,
});

describe("tesla", () => {
  beforeAll(() => useBackend("cpu"));

  it("is MTT where its gradient is exact and its labels hard, and another method otherwise", async () => {
    const config = { ...toyConfig, iterations: 4 };
    const plain = await distill(mtt, toy, { config }).result;
    const exact = await distill(tesla, toy, { config: { ...config, gradient: "exact" } }).result;
    expect(exact.images).toEqual(plain.images);
    expect(exact.stepSize).toBe(plain.stepSize);
    expect(exact.labels.kind).toBe("hard");
    const published = await distill(tesla, toy, { config }).result;
    expect(published.images).not.toEqual(plain.images);
    const assigned = await distill(tesla, toy, { config: { ...config, labels: "assigned" } }).result;
    expect(assigned.labels).toMatchObject({ kind: "soft", space: "logits" });
  });

  it("refuses assigned labels for stored images of several training images", async () => {
    const config = { ...toyConfig, labels: "assigned", factor: 2 } as const;
    await expect(distill(tesla, toy, { config }).result).rejects.toThrow(
      'tesla config: labels "assigned" needs factor 1, got 2',
    );
  });
});
