import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createNetwork,
  distill,
  encodeSafetensors,
  keyFromSeed,
  resolveConfig,
  uniform,
  useBackend,
  writeFileBeside,
  type ImageDataset,
} from "@limbeck/core";
import { toyDataset } from "@limbeck/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sre2l } from "./method.ts";

const folder = mkdtempSync(join(tmpdir(), "limbeck-teacher-"));
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(async () => {
  await useBackend("native");
});

const dataset = toyDataset();
const network = createNetwork("convnet1-w4-batch", { inputShape: dataset.shape, classes: 3 });
const constants = { mean: "0.5,0.5,0.5", std: "0.25,0.25,0.25" };

/** A checkpoint of random numbers in the published naming. */
function checkpoint(metadata: Record<string, string>): string {
  const path = join(folder, "teacher.safetensors");
  const drawn = (name: string, shape: number[]) => ({
    shape,
    data: uniform(
      keyFromSeed(name),
      shape.reduce((a, b) => a * b, 1),
      0.1,
      1,
    ),
  });
  const shapes: Readonly<Record<string, number[]>> = {
    "features.0.weight": [4, 3, 3, 3],
    "features.0.bias": [4],
    "features.1.weight": [4],
    "features.1.bias": [4],
    "features.1.running_mean": [4],
    "features.1.running_var": [4],
    "classifier.weight": [3, 64],
    "classifier.bias": [3],
  };
  const tensors = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, drawn(name, shape)]),
  );
  writeFileBeside(path, encodeSafetensors({ tensors, metadata }));
  return path;
}

async function refusal(file: string, on: ImageDataset = dataset, teacher: object = {}): Promise<string> {
  const config = { ipc: 1, iterations: 4, teacher: { network: network.name, file, ...teacher } };
  const before = tf.memory().numTensors;
  const message = await distill(sre2l, on, { config }).result.then(
    () => "accepted",
    (error: unknown) => (error as Error).message,
  );
  expect(tf.memory().numTensors).toBe(before);
  return message.replace(folder, "…");
}

describe("a teacher from a checkpoint", () => {
  it("of other classes, or of the same in another order, is refused", async () => {
    expect(await refusal(checkpoint({ ...constants, classes: "class 0,class 1" }))).toMatchInlineSnapshot(
      `"teacher: the teacher was trained on other classes than those of toy: 3 classes there, 2 here; give a teacher of the same classes in the same order"`,
    );
    expect(
      await refusal(checkpoint({ ...constants, classes: "class 0,class 2,class 1" })),
    ).toMatchInlineSnapshot(
      `"teacher: the teacher was trained on other classes than those of toy: class 1 is "class 1" there and "class 2" here; give a teacher of the same classes in the same order"`,
    );
    expect(await refusal(checkpoint(constants))).toMatchInlineSnapshot(
      `"teacher: the checkpoint names 50.0 % of 36 training images of toy rightly, wanted at least 66.7 %; its classes may be others or in another order"`,
    );
  });

  it("of another normalisation, or of none that is known, is refused", async () => {
    expect(await refusal(checkpoint({ ...constants, std: "0.25,0.25,0.2" }))).toMatchInlineSnapshot(
      `"teacher: the teacher was trained on images of mean [0.5,0.5,0.5] and standard deviation [0.25,0.25,0.2], toy is given with mean [0.5,0.5,0.5] and standard deviation [0.25,0.25,0.25]; open the data with the teacher's constants"`,
    );
    expect(await refusal(checkpoint({}))).toMatchInlineSnapshot(
      `"teacher: the checkpoint does not say which normalisation its images had; give it as normalisation: { mean, std }"`,
    );
    const given = { normalisation: { mean: [0.1, 0.1, 0.1], std: [1, 1, 1] } };
    expect(await refusal(checkpoint({}), dataset, given)).toMatchInlineSnapshot(
      `"teacher: the teacher was trained on images of mean [0.1,0.1,0.1] and standard deviation [1,1,1], toy is given with mean [0.5,0.5,0.5] and standard deviation [0.25,0.25,0.25]; open the data with the teacher's constants"`,
    );
  });

  it("that is not there or of another network is refused", async () => {
    expect(await refusal(join(folder, "none.safetensors"))).toMatchInlineSnapshot(
      `"teacher: wanted the checkpoint …/none.safetensors, found none here nor in the folder LIMBECK_DATA; give its path as file, or leave file out to train the teacher here"`,
    );
    expect(
      await refusal(checkpoint(constants), dataset, { network: "convnet1-w8-batch" }),
    ).toMatchInlineSnapshot(
      `"…/teacher.safetensors: features.0.weight must have shape [8,3,3,3] for convnet1-w8-batch, got [4,3,3,3]"`,
    );
  });
});

describe("SRe2L refuses", () => {
  it("networks without batch normalisation, no images, and whitened ones", async () => {
    const config = { ipc: 1, teacher: { network: "convnet1-w4" } };
    await expect(distill(sre2l, dataset, { config }).result).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: teacher: network convnet1-w4 has no batch normalisation, whose statistics the images are to match; choose one that has, such as convnet3-batch or resnet18-batch]`,
    );
    expect(() => resolveConfig(sre2l, { ipc: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: sre2l config: ipc: Too small: expected number to be >=1, got 0]`,
    );
    const size = 192;
    const identity = Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
    const whitened: ImageDataset = {
      ...dataset,
      normalisation: { kind: "zca", mean: new Float32Array(size), whiten: identity, unwhiten: identity },
    };
    await expect(
      distill(sre2l, whitened, { ipc: 1, config: { teacher: { network: network.name } } }).result,
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: curriculum synthesis: images must stay pictures, which whitened ones cannot be held to; leave the whitening out]`,
    );
  });
});
