import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { useBackend } from "../engine/engine.ts";
import { createNetwork } from "../nn/create-network.ts";
import { normal } from "../random/draw.ts";
import { keyFromSeed } from "../random/key.ts";
import { readNetwork, writeNetwork, type TrainedModel } from "./network-file.ts";
import { encodeSafetensors, readSafetensors } from "./safetensors.ts";

const folder = mkdtempSync(join(tmpdir(), "network-"));
beforeAll(async () => {
  await useBackend("cpu");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a network with running statistics comes back; damaged ones do not", async () => {
  const before = tf.memory().numTensors;
  const network = createNetwork("convnet2-w4-batch", { inputShape: [8, 8, 3], classes: 2 });
  const images = tf.tensor4d(normal(keyFromSeed(1), 3 * 192), [3, 8, 8, 3]);
  const theta = network.init(keyFromSeed(2));
  const { mean, variance } = network.batchStatistics(theta, images);
  const model: TrainedModel = {
    network,
    theta,
    statistics: { mean, variance },
    classes: ["a", "b"],
    normalisation: { kind: "mean-std", mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] },
  };
  const path = join(folder, "network.safetensors");
  await writeNetwork(path, model);
  const back = readNetwork(path);
  const logits = (of: TrainedModel): Float32Array =>
    tf.tidy(() =>
      Float32Array.from(of.network.apply(of.theta, images, { statistics: of.statistics! }).logits.dataSync()),
    );
  expect(logits(back)).toEqual(logits(model));
  expect([back.network.name, back.classes, back.normalisation]).toEqual([
    network.name,
    model.classes,
    model.normalisation,
  ]);
  const file = readSafetensors(path);
  const damaged = (change: (tensors: Record<string, (typeof file.tensors)[string]>) => void): string => {
    const tensors = { ...file.tensors };
    change(tensors);
    writeFileSync(join(folder, "damaged.safetensors"), encodeSafetensors({ ...file, tensors }));
    return join(folder, "damaged.safetensors");
  };
  expect(() => readNetwork(damaged((tensors) => delete tensors["mean.1"]))).toThrow(
    "are not those of convnet2-w4-batch",
  );
  const short = damaged((tensors) => (tensors["theta"] = { shape: [2], data: new Float32Array(2) }));
  expect(() => readNetwork(short)).toThrow(`"theta" must be float32 [${network.parameterCount}], got [2]`);
  writeFileSync(join(folder, "foreign"), encodeSafetensors({ ...file, metadata: {} }));
  expect(() => readNetwork(join(folder, "foreign"))).toThrow("wanted a network of the suite, got other");
  for (const { theta: each, statistics } of [model, back]) {
    tf.dispose([each, ...statistics!.mean, ...statistics!.variance]);
  }
  images.dispose();
  expect(tf.memory().numTensors).toBe(before);
});
