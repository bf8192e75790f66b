import { atom, datadam, dc, dm, dsa, idc, idm } from "@limbeck/attention-matching";
import {
  createRunContext,
  disposeState,
  liveTensors,
  memoryPartStore,
  prepareContext,
  useBackend,
  type DistillationMethod,
} from "@limbeck/core";
import { startWebgpu, toyDataset } from "@limbeck/core/testing";
import { sre2l } from "@limbeck/curriculum-synthesis";
import { mtt, tesla } from "@limbeck/trajectory-matching";
import { describe, expect, test } from "vitest";

/**
 * Largest difference of a pixel after the step, relative to the largest way that one moved: two float32 evaluations of one gradient, which
 * divide by norms of differences.
 */
const RELATIVE_TOLERANCE = 1e-3;

const matching = { ipc: 1, iterations: 1, network: "convnet2-w4", imageLearningRate: 0.1 };
const blended = {
  ipc: 1,
  iterations: 1,
  network: "convnet2-w4",
  baseLearningRate: 5,
  baseSize: 8,
  factor: 2,
  updatesPerNetwork: 1,
  augmentation: "crop",
};
const trajectory = {
  ipc: 1,
  iterations: 1,
  network: "convnet1-w4",
  experts: 1,
  expertBatch: 6,
  innerSteps: 3,
  matchedEpochs: 1,
  maxStartEpoch: 1,
  stepSize: 0.02,
  imageLearningRate: 1,
  augmentation: "none",
};

const reason = await startWebgpu();

describe.skipIf(reason !== undefined)(`one step on WebGPU (${reason ?? "found"})`, () => {
  test.each<[string, DistillationMethod, Readonly<Record<string, unknown>>]>([
    ["dm", dm, { ...matching, realBatch: 4 }],
    ["datadam", datadam, { ...matching, realBatch: 4 }],
    ["atom", atom, { ...matching, realBatch: 4 }],
    ["dc", dc, { ...matching, realBatch: 4 }],
    ["dsa", dsa, { ...matching, realBatch: 4 }],
    ["idm", idm, { ...matching, realBatch: 4, queueCapacity: 2, trainingBatch: 4, trainingSteps: 1 }],
    ["idc", idc, { ...blended, realBatch: 4, trainingImages: 6, trainingBatch: 4 }],
    ["mtt", mtt, trajectory],
    ["tesla", tesla, trajectory],
    [
      "sre2l",
      sre2l,
      {
        ipc: 1,
        batchSize: 2,
        iterations: 1,
        teacher: { network: "convnet2-w4-batch", epochs: 1, batchSize: 12 },
      },
    ],
  ])("%s moves the images as on cpu", async (_, method, choice) => {
    const dataset = toyDataset({ classes: 2, shape: [8, 8, 3], perClass: 6 });
    const config = method.configSchema.parse(choice);
    await useBackend("cpu");
    // What is prepared is trained once, so that both start from the same.
    const context = await prepareContext(method, createRunContext(dataset, 2), config, {
      store: memoryPartStore(),
      environment: { backend: "cpu", precision: "highest", threads: 1 },
    });
    const images = async (backend: string, steps: number): Promise<Float32Array> => {
      await useBackend(backend, { precision: "highest" });
      const before = liveTensors();
      let state = method.init(context, config);
      for (let step = 0; step < steps; step++) {
        const next = method.step(context, state, config, step).state;
        disposeState(state, next);
        state = next;
      }
      const set = method.result(context, state, config);
      disposeState(state);
      expect(liveTensors()).toBe(before);
      return set.images;
    };
    const start = await images("cpu", 0);
    const expected = await images("cpu", 1);
    const found = await images("webgpu", 1);
    const moved = largestDifference(expected, start);
    expect(moved).toBeGreaterThan(1e-6);
    expect(largestDifference(found, expected) / moved).toBeLessThan(RELATIVE_TOLERANCE);
  });
});

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}
