import { atom, datadam, dc, dm, dsa } from "@limbeck/attention-matching";
import { distill, liveTensors, useBackend, type DistillationMethod } from "@limbeck/core";
import { startWebgpu, toyDataset } from "@limbeck/core/testing";
import { describe, expect, test } from "vitest";

/**
 * Largest difference of a pixel after the step, relative to the largest way that one moved: two float32 evaluations of one gradient, which
 * divide by norms of differences.
 */
const RELATIVE_TOLERANCE = 1e-3;

const reason = await startWebgpu();

describe.skipIf(reason !== undefined)(`one step on WebGPU (${reason ?? "found"})`, () => {
  test.each<[string, DistillationMethod]>([
    ["dm", dm],
    ["datadam", datadam],
    ["atom", atom],
    ["dc", dc],
    ["dsa", dsa],
  ])("%s moves the images as on cpu", async (_, method) => {
    const dataset = toyDataset({ classes: 2, shape: [8, 8, 3], perClass: 6 });
    const after = async (backend: string, imageLearningRate: number): Promise<Float32Array> => {
      await useBackend(backend, { precision: "highest" });
      const config = { ipc: 1, iterations: 1, network: "convnet2-w4", realBatch: 4, imageLearningRate };
      return (await distill(method, dataset, { config, seed: 2 }).result).images;
    };
    const start = await after("cpu", 1e-12);
    const expected = await after("cpu", 0.1);
    const tensors = liveTensors();
    const found = await after("webgpu", 0.1);
    expect(liveTensors()).toBe(tensors);
    const moved = largestDifference(expected, start);
    expect(moved).toBeGreaterThan(1e-6);
    expect(largestDifference(found, expected) / moved).toBeLessThan(RELATIVE_TOLERANCE);
  });
});

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}
