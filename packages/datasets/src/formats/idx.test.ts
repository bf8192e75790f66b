import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { damageFiles } from "../../fixtures/damage-file.ts";
import { idxBytes, writeIdx } from "../../fixtures/idx-files.ts";
import { pixelPattern } from "../../fixtures/pixel-pattern.ts";
import { failureOf, filesBelow, temporaryFolder } from "../../fixtures/temporary-folder.ts";
import { idx } from "../sets/idx.ts";
import { testDataset } from "../testing/test-dataset.ts";
import { decodeIdx, findIdxFiles } from "./idx.ts";

const tmp = temporaryFolder();
const trainPixels = pixelPattern(30, 20);
const testPixels = pixelPattern(12, 20, 100);
const sets = {
  train: { shape: [30, 4, 5], pixels: trainPixels, labels: Uint8Array.from({ length: 30 }, (_, i) => i % 3) },
  t10k: { shape: [12, 4, 5], pixels: testPixels, labels: Uint8Array.from({ length: 12 }, (_, i) => i % 3) },
};

describe("idx", () => {
  for (const compress of [false, true]) {
    describe(compress ? "gzip" : "plain", () => {
      const folder = join(tmp, compress ? "gz" : "plain");
      const cacheFolder = join(folder, "cache");
      writeIdx(folder, sets, compress);
      testDataset(
        {
          open: () => idx(folder, { cacheFolder }),
          damageCache: () => damageFiles(join(cacheFolder, "datasets")),
          shape: [4, 5, 1],
          counts: { train: 10, test: 4 },
          classes: 3,
        },
        it,
      );
    });
  }

  it("gives the very pixels, labels and numbers as class names", async () => {
    const dataset = await idx(join(tmp, "plain"), { cacheFolder: join(tmp, "c1") });
    expect(dataset.train.read(Array.from({ length: 30 }, (_, i) => i))).toEqual(trainPixels);
    expect(dataset.test.read([11])).toEqual(testPixels.subarray(220));
    expect([...dataset.test.labels]).toEqual([...sets.t10k.labels]);
    expect(dataset.classes).toEqual(["0", "1", "2"]);
    expect(dataset.name).toBe("plain");
  });

  it("computes mean and deviation of the train split", async () => {
    const { normalisation } = await idx(join(tmp, "plain"), { cacheFolder: join(tmp, "c1") });
    const mean = trainPixels.reduce((sum, value) => sum + value, 0) / trainPixels.length / 255;
    const variance =
      trainPixels.reduce((sum, value) => sum + (value / 255 - mean) ** 2, 0) / trainPixels.length;
    expect(normalisation.kind).toBe("mean-std");
    if (normalisation.kind !== "mean-std") return;
    expect(normalisation.mean[0]).toBeCloseTo(mean, 5);
    expect(normalisation.std[0]).toBeCloseTo(Math.sqrt(variance), 5);
  });

  it("has the same identity compressed or not, and another for another pixel", async () => {
    const cacheFolder = join(tmp, "c1");
    const plain = await idx(join(tmp, "plain"), { cacheFolder });
    expect((await idx(join(tmp, "gz"), { cacheFolder })).sha256).toBe(plain.sha256);
    const pixels = trainPixels.slice();
    pixels[599]! ^= 1;
    writeIdx(join(tmp, "changed"), { ...sets, train: { ...sets.train, pixels } });
    expect((await idx(join(tmp, "changed"), { cacheFolder })).sha256).not.toBe(plain.sha256);
  });
});

describe("damaged idx files", () => {
  let number = 0;
  const fails = async (file: string, change: (bytes: Buffer) => Uint8Array, compress = false) => {
    const folder = join(tmp, `bad${number++}`);
    const cacheFolder = join(folder, "cache");
    writeIdx(folder, sets, compress);
    const path = join(folder, compress ? `${file}.gz` : file);
    writeFileSync(path, change(readFileSync(path)));
    const failure = await failureOf(idx(folder, { cacheFolder }), folder);
    expect(filesBelow(cacheFolder)).toEqual([]);
    return failure;
  };

  it("truncated", async () => {
    expect(await fails("train-images-idx3-ubyte", (bytes) => bytes.subarray(0, 500))).toMatchInlineSnapshot(
      `"DataError: TMP/train-images-idx3-ubyte: wanted at least 616 bytes, got 500; the file is truncated: delete it and get it again"`,
    );
  });

  it("truncated gzip", async () => {
    expect(
      await fails("t10k-images-idx3-ubyte", (bytes) => bytes.subarray(0, -20), true),
    ).toMatchInlineSnapshot(
      `"DataError: TMP/t10k-images-idx3-ubyte.gz: wanted a readable file, got "unexpected end of file"; it is truncated or corrupted: delete it and get it again"`,
    );
  });

  it("gzip with a wrong CRC", async () => {
    const flip = (bytes: Buffer): Buffer => {
      bytes[bytes.length - 6]! ^= 255;
      return bytes;
    };
    expect(await fails("t10k-images-idx3-ubyte", flip, true)).toMatchInlineSnapshot(
      `"DataError: TMP/t10k-images-idx3-ubyte.gz: wanted a readable file, got "incorrect data check"; it is truncated or corrupted: delete it and get it again"`,
    );
  });

  it("longer than its header says", async () => {
    const longer = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(1)]);
    expect(await fails("train-images-idx3-ubyte", longer)).toMatchInlineSnapshot(
      `"DataError: TMP/train-images-idx3-ubyte: wanted 616 bytes, got more; the file does not match its own header: delete it and get it again"`,
    );
    const bomb = (): Buffer => gzipSync(Buffer.concat([idxBytes([3], new Uint8Array(3)), Buffer.alloc(5e6)]));
    expect(await fails("t10k-labels-idx1-ubyte", bomb, true)).toMatchInlineSnapshot(
      `"DataError: TMP/t10k-labels-idx1-ubyte.gz: wanted 11 bytes, got more; the file does not match its own header: delete it and get it again"`,
    );
  });

  it("no IDX file", async () => {
    expect(
      await fails("train-images-idx3-ubyte", () => Buffer.from("<html>not found")),
    ).toMatchInlineSnapshot(
      `"DataError: TMP/train-images-idx3-ubyte: wanted an IDX file of unsigned bytes, got the header 60 104 116 109"`,
    );
    expect(await fails("train-labels-idx1-ubyte", () => Buffer.alloc(0))).toMatchInlineSnapshot(
      `"DataError: TMP/train-labels-idx1-ubyte: wanted at least 4 bytes, got 0; the file is truncated: delete it and get it again"`,
    );
  });

  it("another number of images than of labels", async () => {
    const fewer = (): Buffer => idxBytes([29, 4, 5], trainPixels.subarray(0, 580));
    expect(await fails("train-images-idx3-ubyte", fewer)).toMatchInlineSnapshot(
      `"DataError: TMP/train-images-idx3-ubyte: wanted 30 images, as many as labels, got 29"`,
    );
  });

  it("test images of another shape, or no images at all", async () => {
    const other = (): Buffer => idxBytes([12, 5, 4], testPixels);
    expect(await fails("t10k-images-idx3-ubyte", other)).toMatchInlineSnapshot(
      `"DataError: TMP/t10k-images-idx3-ubyte: wanted images of 4x5x1 as in train, got 5x4x1"`,
    );
    expect(await fails("train-images-idx3-ubyte", () => idxBytes([600], trainPixels))).toMatchInlineSnapshot(
      `"DataError: TMP/train-images-idx3-ubyte: wanted images of shape [N,H,W] or [N,H,W,C] with C 1 or 3, got [600]"`,
    );
  });

  it("a label that train does not have", async () => {
    const labels = (): Buffer => idxBytes([12], sets.t10k.labels.with(4, 7));
    expect(await fails("t10k-labels-idx1-ubyte", labels)).toMatchInlineSnapshot(
      `"DataError: TMP/t10k-labels-idx1-ubyte: wanted labels in [0, 3), got 7 in row 4"`,
    );
  });

  it("a wrong checksum", async () => {
    const folder = join(tmp, "plain");
    const files = findIdxFiles(folder)!;
    const md5 = (name: string): string =>
      createHash("md5")
        .update(readFileSync(join(folder, name)))
        .digest("hex");
    const sums = {
      "train-images-idx3-ubyte": md5("train-images-idx3-ubyte"),
      "train-labels-idx1-ubyte": md5("train-labels-idx1-ubyte"),
      "t10k-images-idx3-ubyte": "0".repeat(32),
      "t10k-labels-idx1-ubyte": md5("t10k-labels-idx1-ubyte"),
    };
    const readAll = async (): Promise<void> => {
      for await (const batch of (await decodeIdx(files, undefined, sums)).batches)
        expect(batch.split).toBeDefined();
    };
    expect(await failureOf(readAll(), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/plain/t10k-images-idx3-ubyte: wanted content with MD5 00000000000000000000000000000000, got 2ebe588fe287986379fd915e19ecd08a; the file is damaged or another one: delete it and get it again"`,
    );
  });

  it("a missing file", async () => {
    expect(await failureOf(idx(join(tmp, "none")), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/none: wanted the files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte (or with .gz), got not all of them"`,
    );
  });
});
