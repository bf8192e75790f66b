import { datadam, dm } from "@limbeck/attention-matching";
import { distill, liveBytes, liveTensors, useBackend, type DistillationMethod } from "@limbeck/core";
import { toyDataset } from "@limbeck/core/testing";
import { beforeAll, expect, test } from "vitest";

beforeAll(() => useBackend("auto"));

const STEPS = 200;
/** After this many steps caches and work areas have their final size. */
const SETTLED = 20;

test.each<[string, DistillationMethod]>([
  ["dm", dm],
  ["datadam", datadam],
])("%s: no tensor and no native memory grows over 200 steps", async (_, method) => {
  const dataset = toyDataset({ classes: 2, shape: [16, 16, 3], perClass: 8 });
  const [tensorsBefore, tensors, bytes] = [liveTensors(), new Set<number>(), new Set<number>()];
  const run = distill(method, dataset, {
    config: { ipc: 1, iterations: STEPS, network: "convnet3-w8", realBatch: 4 },
  });
  for await (const event of run) {
    if (event.kind !== "step" || event.step < SETTLED) continue;
    tensors.add(liveTensors());
    bytes.add(liveBytes());
  }
  await run.result;
  expect([...tensors]).toHaveLength(1);
  expect([...bytes]).toHaveLength(1);
  expect(liveTensors()).toBe(tensorsBefore);
});
