import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createNetwork,
  encodeSafetensors,
  keyFromSeed,
  normal,
  useBackend,
  writeNetwork,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { networkTeacher } from "./teacher.ts";
import { readTrainedModel } from "./read-trained-model.ts";

const folder = mkdtempSync(join(tmpdir(), "trained-"));
const path = join(folder, "a.safetensors");
beforeAll(async () => {
  await useBackend("cpu");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the suite's own files name their network; checkpoints must name their normalisation", async () => {
  const before = tf.memory().numTensors;
  const data = { shape: [8, 8, 3], classes: ["a", "b"] } as const;
  const network = createNetwork("convnet1-w4", { inputShape: data.shape, classes: 2 });
  const theta = network.init(keyFromSeed(1));
  const normalisation = { kind: "mean-std", mean: [0.1, 0.2, 0.3], std: [0.5, 0.6, 0.7] } as const;
  await writeNetwork(path, { network, theta, classes: data.classes, normalisation });
  const own = readTrainedModel(path, undefined, data);
  expect([own.network.name, own.normalisation]).toEqual(["convnet1-w4", normalisation]);
  const hash = (given: tf.Tensor1D): string =>
    networkTeacher({ network, theta: given, classes: data.classes, normalisation }).sha256;
  expect(hash(own.theta)).toBe(hash(theta));
  // Their network may be named too, and must then be that one.
  const named = readTrainedModel(path, "convnet1-w4", data);
  expect(hash(named.theta)).toBe(hash(theta));
  named.theta.dispose();
  expect(() => readTrainedModel(path, "convnet1-w8", data)).toThrow(
    `${path}: wanted convnet1-w8, got a file of convnet1-w4; name that network or none`,
  );

  // A ConvNet with batch normalisation under its published names.
  const rows = (name: string, shape: number[]) => ({
    shape,
    data: normal(
      keyFromSeed(name),
      shape.reduce((a, b) => a * b, 1),
    ).map(Math.abs),
  });
  const shapes: Record<string, number[]> = {
    "features.0.weight": [4, 3, 3, 3],
    "features.0.bias": [4],
    "features.1.weight": [4],
    "features.1.bias": [4],
    "features.1.running_mean": [4],
    "features.1.running_var": [4],
    "classifier.weight": [2, 64],
    "classifier.bias": [2],
  };
  const tensors = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, rows(name, shape)]),
  );
  writeFileSync(path, encodeSafetensors({ tensors, metadata: { mean: "0.1,0.2,0.3", std: "0.5,0.6,0.7" } }));
  const checkpoint = readTrainedModel(path, "convnet1-w4-batch", data);
  expect(checkpoint.normalisation).toEqual(normalisation);
  expect(checkpoint.statistics!.mean[0]!.shape).toEqual([4]);
  writeFileSync(path, encodeSafetensors({ tensors, metadata: { mean: "0.1" } }));
  expect(() => readTrainedModel(path, "convnet1-w4-batch", data)).toThrow(
    `${path}: wanted the metadata mean and std, 3 numbers each, got "0.1" and "undefined"; add what its images were normalised with`,
  );
  const { mean, variance } = checkpoint.statistics!;
  tf.dispose([theta, own.theta, checkpoint.theta, ...mean, ...variance]);
  expect(tf.memory().numTensors).toBe(before);
});
