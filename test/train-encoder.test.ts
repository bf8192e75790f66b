import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomSubset } from "@limbeck/benchmarks";
import {
  createNetwork,
  disposeTrained,
  keyFromSeed,
  readNetwork,
  readSet,
  realImages,
  recipeSchema,
  trainNetwork,
  writeNetwork,
  writeSet,
} from "@limbeck/core";
import { openDataset } from "@limbeck/datasets";
import { afterEach, beforeEach, expect, test } from "vitest";
import { limbeckInProcess, noted } from "./limbeck-in-process.ts";
import { writePictureFolder } from "./picture-folder.ts";

let cwd: string;
let pictures: string;
beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), "limbeck-encoder-"));
  pictures = join(cwd, "pictures");
  await writePictureFolder(pictures, 12);
});
afterEach(() => rmSync(cwd, { recursive: true }));

const native = ["--backend", "native", "--threads", "1"];
const train = (...more: string[]): Promise<string> =>
  limbeckInProcess("train-encoder", pictures, "--network", "convnet3-w8-batch", ...native, ...more);

test("an encoder trained without labels, and labels of a projector on it", async () => {
  const path = join(cwd, "encoder.safetensors");
  const settings = ["--epochs", "6", "--batch-size", "8", "--set", "projection.outputs=16"].concat([
    "--set",
    "validationShare=0.25",
  ]);
  expect(await train(...settings, "--out", path, "--dry-run")).toMatch(
    /^convnet3-w8-batch on pictures: 6 epochs\ntime {4}about .*\nmemory {2}about .*\nkept {4}[\d.]+ kB of snapshots\n/,
  );
  expect(readdirSync(cwd)).toEqual(["pictures"]);

  expect(await train(...settings, "--out", path)).toMatch(
    /encoder\.safetensors\nnearest neighbours: [\d.]+ % of 6 held-out training images get their class, [\d.]+ % before the training\nnext: limbeck relabel/,
  );
  expect(noted()).toContain("train-encoder 6/6");
  const bytes = readFileSync(path);
  const model = readNetwork(path);
  expect([model.network.name, model.classes]).toEqual(["convnet3-w8-batch", ["left", "top"]]);
  disposeTrained(model);
  // Its snapshots are there: nothing is trained again.
  const again = join(cwd, "again.safetensors");
  expect(JSON.parse(await train(...settings, "--out", again, "--json"))).toMatchObject({
    path: again,
    network: "convnet3-w8-batch",
    neighbours: { images: 6 },
  });
  expect(noted()).not.toContain("train-encoder");
  expect(readFileSync(again).equals(bytes)).toBe(true);

  const dataset = await openDataset(pictures);
  const set = join(cwd, "set.arrow");
  await writeSet(set, randomSubset(dataset, 3, 0));
  const { classes, normalisation } = dataset;
  if (normalisation.kind !== "mean-std") throw new Error(normalisation.kind);
  const taught = await trainNetwork({
    network: createNetwork("convnet3-w8", { inputShape: dataset.shape, classes: 2 }),
    data: { images: realImages(dataset), labels: dataset.train.labels },
    recipe: recipeSchema.parse({ optimiser: "adam", learningRate: 0.01, epochs: 10, batchSize: 8 }),
    key: keyFromSeed(1),
  });
  const teacher = join(cwd, "teacher.safetensors");
  await writeNetwork(teacher, { ...taught, classes, normalisation });
  disposeTrained(taught);
  const hello = ["relabel", set, "--dataset", pictures, "--teacher", teacher, "--form", "hello", ...native];
  await limbeckInProcess(...hello, "--encoder", path, "--encoder-network", "convnet3-w8-batch");
  const { labels } = readSet(join(cwd, "hello.arrow"));
  expect(labels.kind === "projector" && labels.projector.header.model).toMatchObject({
    encoder: { name: "convnet3-w8-batch", features: 32 },
    head: "stored",
  });
  const student = ["--protocol", "rded-e30-v1", "--network", "convnet3-w8", "--seeds", "0", ...native];
  const scored = ["evaluate", join(cwd, "hello.arrow"), "--dataset", pictures, ...student];
  await limbeckInProcess(...scored, "--teacher", path);
  expect(existsSync(join(cwd, "records.jsonl"))).toBe(true);
});

test("what cannot be trained is refused before anything is written", async () => {
  mkdirSync(join(cwd, "folder"));
  const out = ["--out", join(cwd, "encoder.safetensors")];
  await expect(train("--batch-size", "1", ...out)).rejects.toThrow(
    'wanted a whole number from 2 up, got "1".',
  );
  await expect(train()).rejects.toThrow("required option '--out <file>' not specified");
  await expect(train(...out, "--set", "temperature=0")).rejects.toThrow(
    "encoder config: temperature: Too small: expected number to be >0, got 0",
  );
  await expect(train(...out, "--set", "colour=1")).rejects.toThrow(
    'encoder config: Unrecognized key: "colour"; known: network, epochs, batchSize',
  );
  await expect(train("--out", join(cwd, "folder"))).rejects.toThrow(
    `train-encoder: --out ${join(cwd, "folder")}: wanted the path of a file, got a folder; give encoder.safetensors in it`,
  );
  await expect(limbeckInProcess("train-encoder", join(cwd, "nowhere"), ...native, ...out)).rejects.toThrow(
    "nowhere",
  );
  await expect(
    limbeckInProcess("train-encoder", pictures, "--network", "clip", ...native, ...out),
  ).rejects.toThrow('unknown network "clip": no network is called "clip"');
  expect(readdirSync(cwd).sort()).toEqual(["folder", "pictures"]);
});
