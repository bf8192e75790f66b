import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createNetwork,
  keyFromSeed,
  readNetwork,
  readSet,
  trainTeacher,
  useBackend,
  writeNetwork,
} from "@limbeck/core";
import { openDataset } from "@limbeck/datasets";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { limbeckInProcess, noted } from "./limbeck-in-process.ts";
import { writePictureFolder } from "./picture-folder.ts";

let cwd: string;
let pictures: string;
beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), "limbeck-teacher-"));
  pictures = join(cwd, "pictures");
  await writePictureFolder(pictures, 12);
});
afterEach(() => rmSync(cwd, { recursive: true }));

const limbeck = (...args: string[]): Promise<string> =>
  limbeckInProcess(...args, "--backend", "native", "--threads", "1");
const NETWORK = "convnet3-w8-batch";
const settings = ["--network", NETWORK, "--epochs", "6", "--batch-size", "8", "--set", "learningRate=0.02"];
const train = (...more: string[]): Promise<string> =>
  limbeck("train-teacher", pictures, ...settings, ...more);
const rded = (folder: string, ...teacher: string[]): Promise<string> =>
  limbeck(
    ...["distill", pictures, "--method", "rded", "--ipc", "2", "--out", join(cwd, folder)],
    ...["--set", "candidates=4", "--set", "iterations=2", "--set", `teacher.network=${NETWORK}`],
    ...teacher.flatMap((each) => ["--set", `teacher.${each}`]),
  );

test("one teacher for a method, for labels and for a student, trained once", async () => {
  const path = join(cwd, "teacher.safetensors");
  expect(await train("--out", path, "--dry-run")).toMatch(/^convnet3-w8-batch on pictures: 6 epochs\ntime/);
  expect(readdirSync(cwd)).toEqual(["pictures"]);
  expect(await train("--out", path)).toMatch(
    /teacher\.safetensors\n[\d.]+ % of \d+ test images\nnext: limbeck distill/,
  );
  expect(noted()).toContain("train-teacher 6/6");
  const bytes = readFileSync(path);
  // In code the same numbers.
  await useBackend("native", { threads: 1 });
  const model = await trainTeacher(await openDataset(pictures), {
    network: NETWORK,
    epochs: 6,
    batchSize: 8,
    learningRate: 0.02,
  });
  const written = readNetwork(path);
  expect(written.theta.dataSync()).toEqual(model.theta.dataSync());
  tf.dispose([model, written] as unknown as tf.TensorContainer);

  // A run beside it that would train the same teacher finds it, and one that is given the file has the same set.
  const prepared = readdirSync(join(cwd, "prepared"));
  await rded("trained", "epochs=6", "batchSize=8", "learningRate=0.02");
  expect(readdirSync(join(cwd, "prepared"))).toEqual(prepared);
  await rded("given", `file=${path}`);
  const [trained, given] = ["trained", "given"].map((name) => readSet(join(cwd, name, "set.arrow")));
  expect(given!.images).toEqual(trained!.images);
  await limbeck("relabel", join(cwd, "given"), "--dataset", pictures, "--teacher", path, "--form", "infer");
  expect(readFileSync(path).equals(bytes)).toBe(true);
});

test("a file of another network, other images or other classes is refused, and settings that a trained teacher has not", async () => {
  const out = ["--out", join(cwd, "teacher.safetensors")];
  await expect(train(...out, "--set", "file=a.safetensors")).rejects.toThrow(
    'teacher config: Unrecognized key: "file"; known: network, epochs, learningRate, batchSize, weightDecay, seed',
  );
  await expect(train(...out, "--network", "convnet3-w8")).rejects.toThrow("has no batch normalisation");

  const { shape, normalisation } = await openDataset(pictures);
  if (normalisation.kind !== "mean-std") throw new Error(normalisation.kind);
  const write = async (
    name: string,
    inputShape: readonly [number, number, number],
    classes: string[],
  ): Promise<string> => {
    const path = join(cwd, `${name}.safetensors`);
    const network = createNetwork(NETWORK, { inputShape, classes: classes.length });
    const ones = network.batchStatistics(network.init(keyFromSeed(0)), tf.zeros([2, ...inputShape]));
    await writeNetwork(path, {
      network,
      theta: network.init(keyFromSeed(0)),
      statistics: ones,
      classes,
      normalisation,
    });
    return path;
  };
  const small = await write("small", [8, 8, shape[2]], ["left", "top"]);
  await expect(rded("a", `file=${small}`)).rejects.toThrow(
    `${small}: wanted a network for images of ${shape.join("×")}, got one for 8×8×${shape[2]}; give a teacher of these images`,
  );
  const turned = await write("turned", shape, ["top", "left"]);
  await expect(rded("b", `file=${turned}`)).rejects.toThrow(
    'teacher: the teacher was trained on other classes than those of pictures: class 0 is "left" there and "top" here',
  );
  await expect(rded("c", `file=${turned}`, "network=convnet3-w4-batch")).rejects.toThrow(
    `${turned}: wanted convnet3-w4-batch, got a file of ${NETWORK}; name that network`,
  );
  expect(readdirSync(cwd).sort()).toEqual(["pictures", "small.safetensors", "turned.safetensors"]);
});
