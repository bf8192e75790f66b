import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeHubParquet } from "../../fixtures/hub-files.ts";
import { writeIdx } from "../../fixtures/idx-files.ts";
import { patternPng, writePatternImages } from "../../fixtures/image-files.ts";
import { int64Bytes, npyBytes, npzBytes } from "../../fixtures/npz-bytes.ts";
import { pixelPattern } from "../../fixtures/pixel-pattern.ts";
import { failureOf, temporaryFolder } from "../../fixtures/temporary-folder.ts";
import { cacheFolder as defaultCacheFolder, dataFolders, downloadFolder } from "../folders.ts";
import { openDataset } from "./open-dataset.ts";
import { datasets } from "./registry.ts";

const tmp = temporaryFolder();
const cacheFolder = join(tmp, "cache");
const part = (start: number) => ({
  shape: [2, 4, 4],
  pixels: pixelPattern(2, 16, start),
  labels: Uint8Array.of(0, 1),
});

describe("openDataset", () => {
  it("opens an IDX folder", async () => {
    writeIdx(join(tmp, "digits"), { train: part(0), t10k: part(2) });
    const dataset = await openDataset(join(tmp, "digits"), { cacheFolder, mirrorInvariant: false });
    expect(dataset).toMatchObject({ name: "digits", shape: [4, 4, 1], mirrorInvariant: false });
  });

  it("opens an image folder", async () => {
    await writePatternImages(join(tmp, "photos"), ["a/1.png", "a/2.png", "b/1.png", "b/2.png"], [4, 4, 3]);
    const dataset = await openDataset(join(tmp, "photos"), { cacheFolder, size: 2 });
    expect(dataset).toMatchObject({ name: "photos", shape: [2, 2, 3], classes: ["a", "b"] });
  });

  it("opens a .npz", async () => {
    const labels = npyBytes("<i8", [2], int64Bytes([0, 1]));
    const images = npyBytes("|u1", [2, 4, 4], pixelPattern(2, 16));
    const arrays = { train_images: images, train_labels: labels, test_images: images, test_labels: labels };
    writeFileSync(join(tmp, "med.npz"), npzBytes(arrays));
    expect(await openDataset(join(tmp, "med.npz"), { cacheFolder })).toMatchObject({ name: "med" });
  });

  it("opens a Parquet file and a folder of them", async () => {
    mkdirSync(join(tmp, "hub", "data"), { recursive: true });
    const rows = await Promise.all(
      [0, 1, 0, 1].map(async (label, i) => ({ label, bytes: await patternPng(i, 3, 3, 3) })),
    );
    const path = join(tmp, "hub", "data", "train.parquet");
    writeHubParquet(path, rows);
    expect(await openDataset(path, { cacheFolder })).toMatchObject({ name: "train" });
    expect(await openDataset(join(tmp, "hub"), { cacheFolder })).toMatchObject({
      name: "hub",
      shape: [3, 3, 3],
    });
  });

  it("opens a named set, however its name is written", async () => {
    expect((await openDataset("Fashion_MNIST", { cacheFolder })).name).toBe("fashion-mnist");
  });

  it("names the known sets when it knows none", async () => {
    expect(await failureOf(openDataset("cifar11"), tmp)).toMatchInlineSnapshot(
      `"ConfigError: unknown data set "cifar11"; known: fashion-mnist, mnist, cifar10, cifar100, tiny-imagenet, or the path of an image folder, .zip, .npz, .parquet or .arrow file"`,
    );
    writeFileSync(join(tmp, "notes.txt"), "x");
    expect(await failureOf(openDataset(join(tmp, "notes.txt")), tmp)).toMatchInlineSnapshot(
      `"ConfigError: TMP/notes.txt: wanted an image folder, .zip, .npz, .parquet or .arrow file, got another kind of file"`,
    );
    expect(await failureOf(openDataset("fashion-mnist", { size: 3 }), tmp)).toMatchInlineSnapshot(
      `"ConfigError: fashion-mnist: wrong options: Unrecognized key: "size""`,
    );
  });
});

describe("datasets", () => {
  it("are listed without being read", async () => {
    expect(
      datasets.map(
        ({ id, classes, shape, sizes }) => `${id} ${classes} ${shape.join("x")} ${sizes.train}+${sizes.test}`,
      ),
    ).toMatchInlineSnapshot(`
      [
        "fashion-mnist 10 28x28x1 60000+10000",
        "mnist 10 28x28x1 60000+10000",
        "cifar10 10 32x32x3 50000+10000",
        "cifar100 100 32x32x3 50000+10000",
        "tiny-imagenet 200 64x64x3 100000+10000",
      ]
    `);
    const [fashion] = datasets;
    expect(await fashion!.locate()).toMatchObject({ kind: "embedded" });
    expect(datasets.every(({ source }) => source.citation !== "" && source.licence !== "")).toBe(true);
  });
});

describe("folders", () => {
  it("come from the argument, then the environment, then the platform", () => {
    const before = { ...process.env };
    try {
      process.env.LIMBECK_CACHE = join(tmp, "from-environment");
      process.env.LIMBECK_DATA = join(tmp, "data-from-environment");
      expect(defaultCacheFolder()).toBe(join(tmp, "from-environment"));
      expect(defaultCacheFolder(join(tmp, "given"))).toBe(join(tmp, "given"));
      expect(dataFolders(join(tmp, "given")).slice(0, 2)).toEqual([
        join(tmp, "given"),
        join(tmp, "data-from-environment"),
      ]);
      expect(downloadFolder()).toBe(join(tmp, "data-from-environment"));
      process.env.LIMBECK_CACHE = "";
      delete process.env.LIMBECK_DATA;
      expect(defaultCacheFolder()).toMatch(/limbeck/i);
      expect(downloadFolder()).toMatch(/limbeck/i);
    } finally {
      process.env = before;
    }
  });
});
