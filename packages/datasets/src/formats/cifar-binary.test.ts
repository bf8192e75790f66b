import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { pixelPattern } from "../../fixtures/pixel-pattern.ts";
import { tarBytes } from "../../fixtures/tar-bytes.ts";
import { failureOf, filesBelow, temporaryFolder } from "../../fixtures/temporary-folder.ts";
import type { DecodedImages } from "../cache/decoded-images.ts";
import { decodeCifarArchive } from "../sets/cifar.ts";
import { decodeCifar, findCifarFiles, type CifarVariant } from "./cifar-binary.ts";

const tmp = temporaryFolder();
const variant: CifarVariant = {
  train: ["data_batch_1.bin", "data_batch_2.bin"],
  test: ["test_batch.bin"],
  labelBytes: 1,
  records: { train: 3, test: 2 },
};
const classes = ["airplane", "automobile", "bird"];
const settings = { variant, classes };

function records(count: number, start: number, labelBytes = 1): Buffer {
  const planes = pixelPattern(count, 3072, start);
  const parts = Array.from({ length: count }, (_, i) => {
    const labels = labelBytes === 1 ? [(start + i) % 3] : [9, (start + i) % 3];
    return Buffer.concat([Buffer.from(labels), planes.subarray(i * 3072, (i + 1) * 3072)]);
  });
  return Buffer.concat(parts);
}

const files = {
  "data_batch_1.bin": records(3, 0),
  "data_batch_2.bin": records(3, 3),
  "test_batch.bin": records(2, 6),
};

function write(
  name: string,
  change: Partial<Record<keyof typeof files, Uint8Array>> = {},
  compress = false,
): string {
  const folder = join(tmp, name);
  mkdirSync(folder);
  for (const [file, bytes] of Object.entries({ ...files, ...change })) {
    writeFileSync(join(folder, compress ? `${file}.gz` : file), compress ? gzipSync(bytes) : bytes);
  }
  return folder;
}

async function readAll({ batches }: DecodedImages): Promise<{ labels: string; pixels: Buffer }> {
  const labels: string[] = [];
  const pixels: Uint8Array[] = [];
  for await (const batch of batches) {
    labels.push(`${batch.split}:${Array.from(batch.labels).join("")}`);
    pixels.push(batch.pixels);
  }
  return { labels: labels.join(" "), pixels: Buffer.concat(pixels) };
}

/** Pixel (y, x, c) of image i by the definition of the format. */
function truth(i: number, y: number, x: number, c: number): number {
  return pixelPattern(1, 3072, i)[c * 1024 + y * 32 + x]!;
}

describe("decodeCifar", () => {
  for (const compress of [false, true]) {
    it(`reads ${compress ? "gzip" : "plain"} files in official order, planes to channels`, async () => {
      const folder = write(`ok${compress}`, {}, compress);
      const { labels, pixels } = await readAll(decodeCifar(findCifarFiles(folder, variant)!, settings));
      expect(labels).toBe("train:012 train:012 test:01");
      expect(pixels).toHaveLength(8 * 3072);
      for (const [i, y, x, c] of [
        [0, 0, 0, 0],
        [1, 0, 31, 1],
        [4, 31, 0, 2],
        [7, 17, 23, 1],
      ] as const) {
        expect(pixels[i * 3072 + (y * 32 + x) * 3 + c]).toBe(truth(i, y, x, c));
      }
    });
  }

  it("takes the second of two label bytes", async () => {
    const hundred = { ...variant, train: ["train.bin"], test: ["test.bin"], labelBytes: 2 };
    const folder = join(tmp, "hundred");
    mkdirSync(folder);
    writeFileSync(join(folder, "train.bin"), records(3, 0, 2));
    writeFileSync(join(folder, "test.bin"), records(2, 3, 2));
    const decoded = decodeCifar(findCifarFiles(folder, hundred)!, { variant: hundred, classes });
    expect((await readAll(decoded)).labels).toBe("train:012 test:01");
  });

  it("reads a .tar.gz in any order of entries, and removes what it unpacked", async () => {
    const archive = join(tmp, "set.tar.gz");
    const names = ["test_batch.bin", "data_batch_2.bin", "data_batch_1.bin"] as const;
    const entries = names.map((name) => ({
      header: { name: `cifar-10-batches-bin/${name}` },
      content: files[name],
    }));
    writeFileSync(archive, await tarBytes(entries));
    const cache = join(tmp, "cache");
    const { labels, pixels } = await readAll(decodeCifarArchive(archive, settings, cache));
    expect(labels).toBe("train:012 train:012 test:01");
    expect(pixels[4 * 3072 + 2]).toBe(truth(4, 0, 0, 2));
    expect(filesBelow(cache)).toEqual([]);
  });
});

describe("damaged CIFAR files", () => {
  const fails = (name: string, change: Partial<Record<keyof typeof files, Uint8Array>>, compress = false) => {
    const folder = write(name, change, compress);
    return failureOf(readAll(decodeCifar(findCifarFiles(folder, variant)!, settings)), folder);
  };

  it("truncated", async () => {
    expect(await fails("cut", { "data_batch_2.bin": records(3, 3).subarray(0, -1) })).toMatchInlineSnapshot(
      `"DataError: TMP/data_batch_2.bin: wanted at least 9219 bytes, got 9218; the file is truncated: delete it and get it again"`,
    );
  });

  it("a record too many", async () => {
    expect(await fails("more", { "test_batch.bin": records(3, 6) }, true)).toMatchInlineSnapshot(
      `"DataError: TMP/test_batch.bin.gz: wanted 6146 bytes, got more; the file does not match its own header: delete it and get it again"`,
    );
  });

  it("a label out of range", async () => {
    const bytes = records(3, 0);
    bytes[3073] = 3;
    expect(await fails("label", { "data_batch_1.bin": bytes })).toMatchInlineSnapshot(
      `"DataError: TMP/data_batch_1.bin: wanted labels in [0, 3), got 3 in record 1; the file is corrupted: delete it and get it again"`,
    );
  });

  it("a wrong checksum", async () => {
    const folder = write("sum");
    const md5 = { "data_batch_1.bin": "0123456789abcdef0123456789abcdef" };
    const decoded = decodeCifar(findCifarFiles(folder, variant)!, { ...settings, md5 });
    expect(await failureOf(readAll(decoded), folder)).toMatchInlineSnapshot(
      `"DataError: TMP/data_batch_1.bin: wanted content with MD5 0123456789abcdef0123456789abcdef, got 8316b973a98892181834947e9e927dab; the file is damaged or another one: delete it and get it again"`,
    );
  });

  it("an archive without the files, or a hostile one", async () => {
    const archive = join(tmp, "other.tar.gz");
    const cache = join(tmp, "cache2");
    writeFileSync(archive, await tarBytes([{ header: { name: "readme" }, content: Buffer.from("x") }]));
    expect(await failureOf(readAll(decodeCifarArchive(archive, settings, cache)), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/other.tar.gz: wanted data_batch_1.bin, data_batch_2.bin, test_batch.bin, got an archive without them"`,
    );
    writeFileSync(archive, await tarBytes([{ header: { name: "../x" }, content: Buffer.from("x") }]));
    expect(await failureOf(readAll(decodeCifarArchive(archive, settings, cache)), tmp)).toMatchInlineSnapshot(
      `"DataError: TMP/other.tar.gz: wanted entries inside the archive's folder, got "../x"; the archive is not to be trusted"`,
    );
    expect(filesBelow(cache)).toEqual([]);
  });

  it("a missing file is not found", () => {
    expect(findCifarFiles(join(tmp, "hundred"), variant)).toBeUndefined();
  });
});
