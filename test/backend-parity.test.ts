import { datadam, dm } from "@limbeck/attention-matching";
import {
  distill,
  doctor,
  useBackend,
  type BackendName,
  type DistillationMethod,
  type SyntheticSet,
} from "@limbeck/core";
import { toyDataset } from "@limbeck/core/testing";
import { beforeAll, expect, test } from "vitest";

/**
 * Largest difference of a pixel relative to how far the images moved. Each step multiplies rounding differences by the
 * network's curvature; after four steps float32 back ends differ by about 2e-5.
 */
const RELATIVE_TOLERANCE = 2e-4;
const STEPS = 4;

let available: ReadonlySet<BackendName>;
beforeAll(async () => {
  available = new Set((await doctor()).filter((report) => report.available).map((report) => report.name));
});

async function condense(method: DistillationMethod, backend: BackendName): Promise<SyntheticSet> {
  await useBackend(backend, { precision: "highest" });
  const dataset = toyDataset({ classes: 2, shape: [16, 16, 3], perClass: 12 });
  const config = { ipc: 2, iterations: STEPS, network: "convnet3-w8", realBatch: 8, imageLearningRate: 0.1 };
  return distill(method, dataset, { config, seed: 2 }).result;
}

test.each<[string, DistillationMethod]>([
  ["dm", dm],
  ["datadam", datadam],
])("%s gives the same images on every back end", async (_, method) => {
  const reference = await condense(method, "cpu");
  const start = await distill(method, toyDataset({ classes: 2, shape: [16, 16, 3], perClass: 12 }), {
    config: { ipc: 2, iterations: 1, network: "convnet3-w8", realBatch: 8, imageLearningRate: 1e-12 },
    seed: 2,
  }).result;
  const moved = largestDifference(reference.images, start.images);
  expect(moved).toBeGreaterThan(0.01);
  expect(available.has("wasm")).toBe(true);
  for (const backend of (["wasm", "native", "tensorflow"] as const).filter((name) => available.has(name))) {
    const { images } = await condense(method, backend);
    expect(largestDifference(images, reference.images) / moved, backend).toBeLessThan(RELATIVE_TOLERANCE);
  }
});

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}
