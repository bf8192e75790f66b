import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNetwork, keyFromSeed, useBackend, writeNetwork, type SyntheticSet } from "@limbeck/core";
import { toyDataset, toySet } from "@limbeck/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { merges, TINY, weights } from "./clip/testing/tiny-clip.ts";
import type { LabelModel } from "./label-model.ts";
import { labelByProjector } from "./projector/label-by-projector.ts";
import { zooEncoder } from "./projector/encoder.ts";
import { labelModelFromFile, readEncoder } from "./read-encoder.ts";
import { networkTeacher } from "./teacher.ts";

const folder = mkdtempSync(join(tmpdir(), "encoder-"));
const classes = ["cat", "dog"];
const normalisation = { kind: "mean-std", mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] } as const;
const dataset = { ...toyDataset({ classes: 2, shape: [6, 6, 3] }), classes, normalisation };
const set = { ...toySet({ classes, shape: [6, 6, 3] }), normalisation };
const network = createNetwork("convnet1-w4", { inputShape: [6, 6, 3], classes: 2 });
const tiny = { network: "tiny-clip", clips: { "tiny-clip": TINY } };
const own = join(folder, "own.safetensors");

beforeAll(async () => {
  await useBackend("native");
  await writeNetwork(own, { network, theta: network.init(keyFromSeed(1)), classes, normalisation });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function labelled(file: ReturnType<typeof readEncoder>): Promise<SyntheticSet> {
  const theta = network.init(keyFromSeed(2));
  const { encoder, textHead } = file;
  const config = { encoderRank: 1, headRank: 1, steps: 1, batchSize: 4 };
  const teacher = networkTeacher({ network, theta, classes, normalisation });
  return labelByProjector(set, {
    teacher,
    encoder,
    dataset,
    ...(textHead === undefined ? {} : { textHead }),
    config,
  });
}

function scoresOf(model: LabelModel): Float32Array {
  const images = tf.tensor4d(set.images, [set.size, 6, 6, 3]);
  const scores = tf.tidy(() => model.scores(images).dataSync());
  images.dispose();
  model.dispose();
  return Float32Array.from(scores);
}

test("a CLIP's projector is made and used from files, its head from the class names", async () => {
  const before = tf.memory().numTensors;
  const file = readEncoder(weights, dataset, { ...tiny, merges });
  expect(file.encoder.name).toBe("tiny-clip");
  expect(file.textHead).toMatchObject({ classes: 2 });
  const light = await labelled(file);
  const scores = scoresOf(labelModelFromFile(light, weights, dataset, { ...tiny, merges }));
  expect(scores.every(Number.isFinite)).toBe(true);
  // Other texts are another head, and other scores.
  const prompt = "{} in the rain";
  expect(scoresOf(labelModelFromFile(light, weights, dataset, { ...tiny, merges, prompt }))).not.toEqual(
    scores,
  );
  expect(() => labelModelFromFile(light, weights, dataset, tiny)).toThrow(
    "its head starts from texts, got none",
  );
  file.dispose();
  // The teacher's parameters are the test's own.
  expect(tf.memory().numTensors).toBe(before + 1);
});

test("a network of the zoo is an encoder as it is", async () => {
  const file = readEncoder(own, dataset);
  const theta = network.init(keyFromSeed(1));
  expect(file.encoder.sha256).toBe(zooEncoder({ network, theta, classes, normalisation }).sha256);
  const light = await labelled(file);
  expect(scoresOf(labelModelFromFile(light, own, dataset))).toHaveLength(2 * set.size);
  file.dispose();
});

test("texts without a CLIP, and prompts that say nothing of the class, are refused", () => {
  expect(() => readEncoder(own, dataset, { merges })).toThrow(
    'encoder: merges and prompts are for clip-vit-b-32 and clip-rn50, got the network ""; name one of these or leave them out',
  );
  expect(() => readEncoder(weights, dataset, { ...tiny, prompt: "a {}" })).toThrow(
    "needs the tokenizer's merges",
  );
  const before = tf.memory().numTensors;
  expect(() => readEncoder(weights, dataset, { ...tiny, merges, prompt: "a photo" })).toThrow(
    'tiny-clip: wanted a prompt in which {} stands for the class, got "a photo"',
  );
  expect(tf.memory().numTensors).toBe(before);
});
