import { distill, useBackend } from "@limbeck/core";
import { toyDataset } from "@limbeck/core/testing";
import { beforeAll, expect, test } from "vitest";
import { dc } from "../dc/method.ts";
import { dm } from "../dm/method.ts";
import { idc } from "../idc/method.ts";
import { idm } from "../idm/method.ts";
import { imageRate } from "./image-rate.ts";

beforeAll(async () => {
  await useBackend("native");
});

test("the rate halves with every half-life, or stays", () => {
  const rate = (imageRateHalfLife: "none" | number, step: number): number =>
    imageRate({ imageLearningRate: 8, imageRateHalfLife }, step);
  expect([0, 10, 20, 30].map((step) => rate(10, step))).toEqual([8, 4, 2, 1]);
  expect(rate(10, 5)).toBeCloseTo(8 / Math.SQRT2, 12);
  expect(rate("none", 1000)).toBe(8);
});

// Without momentum the second update is the rate times a gradient that both runs share.
test.each([dm, dc, idc, idm])(
  "$id: the second update is half as large after a half-life of one",
  async (method) => {
    const dataset = toyDataset({ classes: 2, shape: [8, 8, 3] });
    const images = async (iterations: number, imageRateHalfLife: "none" | number): Promise<Float32Array> => {
      const config = {
        ...method.presets["sample"]!.config,
        ipc: 1,
        network: "convnet2-w8",
        factor: 1,
        imageMomentum: 0,
        iterations,
        imageRateHalfLife,
      };
      return (await distill(method as typeof dm, dataset, { config }).result).images as Float32Array;
    };
    const [first, same, halved] = [await images(1, "none"), await images(2, "none"), await images(2, 1)];
    const moved = same.map((x, i) => x - first[i]!);
    const most = Math.max(...moved.map(Math.abs));
    expect(most).toBeGreaterThan(1e-6);
    const half = halved.map((x, i) => x - first[i]!);
    for (const [i, x] of half.entries()) expect(Math.abs(2 * x - moved[i]!)).toBeLessThan(1e-3 * most + 1e-6);
  },
);
