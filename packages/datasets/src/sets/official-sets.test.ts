import { join } from "node:path";
import { describe, expect, it, type TestContext } from "vitest";
import type { ImageDataset } from "@limbeck/core";
import { failureOf, filesBelow, temporaryFolder } from "../../fixtures/temporary-folder.ts";
import { CacheFile } from "../cache/cache-file.ts";
import { cifar10, cifar10Set } from "./cifar.ts";
import { mnist, mnistSet } from "./mnist.ts";
import { locateNamed, openNamed, type NamedDataset } from "./named-dataset.ts";

const tmp = temporaryFolder();
const cacheFolder = join(tmp, "cache");

/** These files are too large for the repository: without them the test is reported as skipped, with the reason. */
async function needsFiles(set: NamedDataset, context: TestContext): Promise<void> {
  const location = await locateNamed(set);
  if (location.kind === "download") {
    context.skip(`${set.title} is in none of the data folders; set LIMBECK_DATA to a folder that has it`);
  }
}

function classCounts({ labels }: ImageDataset["train"], classes: number): number[] {
  const counts = Array.from({ length: classes }, () => 0);
  for (const label of labels) counts[label]! += 1;
  return counts;
}

describe("official files", () => {
  it("mnist", async (context) => {
    await needsFiles(mnistSet, context);
    const dataset = await mnist({ cacheFolder, download: false });
    expect(classCounts(dataset.train, 10)).toEqual([
      5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]);
    expect(classCounts(dataset.test, 10)).toEqual([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    expect(dataset.mirrorInvariant).toBe(false);
    expect(dataset.sha256).toBe("8f13c7a5809c4fd68f62561ee329a3daaa85e0bd4cf914ba3c0be425586e5e9b");
  });

  it("cifar10", async (context) => {
    await needsFiles(cifar10Set, context);
    const dataset = await cifar10({ cacheFolder, download: false });
    expect(classCounts(dataset.train, 10)).toEqual(Array.from({ length: 10 }, () => 5000));
    expect(classCounts(dataset.test, 10)).toEqual(Array.from({ length: 10 }, () => 1000));
    expect([...dataset.train.labels.slice(0, 10)]).toEqual([6, 9, 9, 4, 1, 1, 2, 7, 8, 3]);
    expect([...dataset.test.labels.slice(0, 10)]).toEqual([3, 8, 8, 0, 6, 6, 1, 6, 3, 1]);
    expect(dataset.sha256).toBe("6cd1f478fba119f82ce830a291dc23c795983fdd221a93647db9f8b9b032dd17");
    // The mean of each channel of the train split fails if planes and channels were mixed up.
    const path = filesBelow(cacheFolder).find((name) => name.includes("cifar10"))!;
    expect(new CacheFile(path).metadata.mean).toEqual([
      expect.closeTo(0.4914, 5),
      expect.closeTo(0.48216, 5),
      expect.closeTo(0.44653, 5),
    ]);
    const onDisk = await cifar10({ cacheFolder, download: false, memoryLimit: 0 });
    const indices = Array.from({ length: 500 }, (_, i) => (i * 7919) % 50_000);
    expect(Buffer.compare(onDisk.train.read(indices), dataset.train.read(indices))).toBe(0);
  }, 240_000);
});

describe("named sets without files", () => {
  const nowhere = { ...cifar10Set, find: () => Promise.resolve(undefined) };

  it("say how to get them", async () => {
    const failure = failureOf(openNamed(nowhere, { dataFolder: tmp, cacheFolder, download: false }), tmp);
    expect(await failure).toMatchInlineSnapshot(
      `"DataError: cifar10: wanted its files, found none; put cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz into TMP, or allow the download"`,
    );
    expect(await locateNamed(nowhere, tmp)).toMatchObject({
      kind: "download",
      bytes: 170052171,
      folder: tmp,
    });
  });

  it("refuse files with other counts than the published", async () => {
    const batch = { split: "train", pixels: new Uint8Array(3072), labels: [3] } as const;
    const small: NamedDataset = {
      ...cifar10Set,
      find: () => {
        return Promise.resolve({
          path: tmp,
          files: () => Promise.resolve([]),
          decode: () =>
            Promise.resolve({ shape: [32, 32, 3], classes: cifar10Set.classes, batches: stream([batch]) }),
        });
      },
    };
    const own = join(tmp, "own");
    expect(await failureOf(openNamed(small, { cacheFolder: own }), tmp)).toMatchInlineSnapshot(
      `"DataError: cifar10: wanted 50000 train images, as many of each class, got 1 (0 0 0 1 0 0 0 0 0 0); the files are not the official ones"`,
    );
    expect(filesBelow(own)).toEqual([]);
  });
});

async function* stream<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}
