import { statSync } from "node:fs";
import { join } from "node:path";
import { randomSubset, readRecords } from "@limbeck/benchmarks";
import {
  createNetwork,
  disposeTrained,
  hashSyntheticSet,
  keyFromSeed,
  readSet,
  realImages,
  recipeSchema,
  trainNetwork,
  useBackend,
  writeNetwork,
  writeSet,
} from "@limbeck/core";
import { openDataset } from "@limbeck/datasets";
import { expect, test } from "vitest";
import { limbeck, temporaryFolder } from "./limbeck-process.ts";
import { writePictureFolder } from "./picture-folder.ts";

test("relabel in several forms, evaluate, and what does not belong together", async () => {
  const cwd = temporaryFolder();
  await writePictureFolder(join(cwd, "pictures"), 12);
  await useBackend("native");
  const dataset = await openDataset(join(cwd, "pictures"));
  const set = randomSubset(dataset, 3, 0);
  await writeSet(join(cwd, "set.arrow"), set);
  for (const seed of [1, 2]) {
    const trained = await trainNetwork({
      network: createNetwork("convnet3-w8-batch", { inputShape: dataset.shape, classes: 2 }),
      data: { images: realImages(dataset), labels: dataset.train.labels },
      recipe: recipeSchema.parse({ optimiser: "adam", learningRate: 0.01, epochs: 10, batchSize: 8 }),
      key: keyFromSeed(seed),
    });
    const { network, theta, statistics } = trained;
    const { classes, normalisation } = dataset;
    if (normalisation.kind !== "mean-std" || statistics === undefined) throw new Error(normalisation.kind);
    const model = { network, theta, statistics, classes, normalisation };
    await writeNetwork(join(cwd, `teacher${seed}.safetensors`), model);
    disposeTrained(trained);
  }

  const views = ["--protocol", "rded-e30-v1", "--dataset", "pictures"];
  const label = (...more: string[]) =>
    limbeck(["relabel", "set.arrow", "--teacher", "teacher1.safetensors", ...views, ...more], { cwd });
  const full = await label("--form", "views", "--json");
  expect(full.code, full.stderr).toBe(0);
  const apart = await label("--form", "views", "--labels", "full.labels");
  expect(apart.code, apart.stderr).toBe(0);
  const both = await label("--labels", "full.labels", "--out", "both.arrow");
  expect([both.code, both.stderr]).toEqual([
    2,
    expect.stringContaining("--labels (the labels alone), got both"),
  ]);
  const told = JSON.parse(full.stdout) as { labelFile: number; bytes: { labels: number }; agreement: number };
  expect(told.agreement).toBeGreaterThan(60);
  // 30 epochs of 6 images, two float16 scores each, and the header; a byte more for the class of each image.
  expect(statSync(join(cwd, "full.labels")).size).toBe(told.labelFile);
  expect(told.bytes.labels).toBe(told.labelFile + 6);
  expect(told.labelFile - 30 * 6 * 4).toBeLessThan(600);
  const pruned = await label("--form", "lpld-x10", "--codec", "int8", "--json");
  expect(JSON.parse(pruned.stdout)).toMatchObject({ path: "lpld-x10.arrow", form: "lpld-x10" });
  const online = await label("--form", "online");
  expect(online.code, online.stderr).toBe(0);

  const score = (path: string, ...more: string[]) =>
    limbeck(["evaluate", path, ...views, "--network", "convnet3-w16", "--seeds", "0", ...more], { cwd });
  const scored = await score("views.arrow");
  expect(scored.code, scored.stderr).toBe(0);
  const [record] = readRecords(join(cwd, "records.jsonl"));
  const labelled = readSet(join(cwd, "views.arrow"));
  expect(record).toMatchObject({
    set: hashSyntheticSet(labelled),
    bytes: { labels: told.bytes.labels },
    config: { labels: { form: { kind: "views", keep: 1 } } },
  });
  // The same labels in a file of their own, with the set that has none.
  const beside = await score("set.arrow", "--labels", "full.labels");
  expect(beside.code, beside.stderr).toBe(0);
  expect(readRecords(join(cwd, "records.jsonl")).at(-1)?.accuracy).toEqual(record?.accuracy);
  const foreign = await score("lpld-x10.arrow", "--labels", "set.arrow");
  expect([foreign.code, foreign.stderr]).toEqual([
    1,
    expect.stringContaining("set.arrow: wanted a label file, got something else; check the path"),
  ]);
  // Without its teacher, and with another one.
  const alone = await score("online.arrow");
  expect([alone.code, alone.stderr]).toEqual([
    2,
    expect.stringContaining("give it (limbeck evaluate --teacher FILE)"),
  ]);
  const other = await score("online.arrow", "--teacher", "teacher2.safetensors");
  expect(other.stderr).toContain("give that teacher, or label the set again");
  const taught = await score("online.arrow", "--teacher", "teacher1.safetensors");
  expect(taught.code, taught.stderr).toBe(0);
  const refused = await score("views.arrow", "--protocol", "sre2l-e30-v1");
  expect(refused.stderr).toContain("they were made with");
});
