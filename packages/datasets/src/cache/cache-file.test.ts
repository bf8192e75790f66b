import { spawnSync } from "node:child_process";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tableFromIPC } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { DataError, RunError, type ImageShape } from "@limbeck/core";
import { pixelPattern } from "../../fixtures/pixel-pattern.ts";
import { failureOf, filesBelow, temporaryFolder } from "../../fixtures/temporary-folder.ts";
import type { DecodedBatch, DecodedImages } from "./decoded-images.ts";
import { verifyDataset } from "./dataset-digest.ts";
import { openCached, type DatasetEvent } from "./open-cached.ts";

const tmp = temporaryFolder();
// 700 kB an image: 23 make a record batch, so that there are several.
const large = [480, 486, 3] as const;
const size = 480 * 486 * 3;
const labels = {
  train: Int32Array.from({ length: 60 }, (_, i) => i % 4),
  test: Int32Array.of(3, 2, 1, 0, 0),
};
const pixels = { train: pixelPattern(60, size), test: pixelPattern(5, size, 60) };

/** The same data in batches of any size; small ones are the first values of the large ones. */
function decoded(batchSize: number, shape: ImageShape = large): DecodedImages {
  const values = shape[0] * shape[1] * shape[2];
  async function* batches(): AsyncGenerator<DecodedBatch> {
    for (const split of ["train", "test"] as const) {
      for (let start = 0; start < labels[split].length; start += batchSize) {
        const part = labels[split].subarray(start, start + batchSize);
        const from = start * values;
        yield await Promise.resolve({
          split,
          labels: part,
          pixels: pixels[split].subarray(from, from + part.length * values),
        });
      }
    }
  }
  return { shape, classes: ["a", "b", "c", "d"], batches: batches() };
}

const source = { citation: "c", licence: "l", origin: "o" };
function recipe(name: string, decode = () => Promise.resolve(decoded(7))) {
  return { name, key: name, mirrorInvariant: true, source, decode };
}
/** 7.5 kB an image. */
function smallRecipe(name: string) {
  return recipe(name, () => Promise.resolve(decoded(7, [50, 50, 3])));
}
function options(folder: string, memoryLimit: number, events: DatasetEvent[] = []) {
  return {
    cacheFolder: join(tmp, folder),
    memoryLimit,
    rebuild: false,
    onEvent: (event: DatasetEvent) => void events.push(event),
  };
}
function cacheIn(folder: string): string {
  const [path, ...rest] = filesBelow(join(tmp, folder));
  expect(rest).toEqual([]);
  return path!;
}

describe("the cache", () => {
  it("reads several record batches by position, from disk and from memory", async () => {
    for (const limit of [0, 2 ** 30]) {
      const { train, test } = await openCached(recipe("big"), options("big", limit));
      const indices = [59, 0, 22, 23, 24, 22, 45, 46, 47, 1];
      const got = train.read(indices);
      for (const [position, index] of indices.entries()) {
        const image = got.subarray(position * size, (position + 1) * size);
        expect(Buffer.compare(image, pixels.train.subarray(index * size, (index + 1) * size))).toBe(0);
      }
      const run = train.read(Array.from({ length: 40 }, (_, i) => i + 10)); // crosses two borders
      expect(Buffer.compare(run, pixels.train.subarray(10 * size, 50 * size))).toBe(0);
      expect(Buffer.compare(test.read([4, 0]).subarray(size), pixels.test.subarray(0, size))).toBe(0);
      expect([...test.labels]).toEqual([3, 2, 1, 0, 0]);
    }
  });

  it("is an Arrow file that others can read, with its metadata", async () => {
    const { sha256 } = await openCached(recipe("big"), options("big", 0));
    const table = tableFromIPC(readFileSync(cacheIn("big")));
    expect(table.numRows).toBe(65);
    expect(table.batches.length).toBe(3);
    expect(Object.fromEntries(table.schema.fields.map((field) => [field.name, String(field.type)]))).toEqual({
      pixels: `FixedSizeList[${size}]<Uint8>`,
      label: "Int32",
    });
    expect(table.schema.fields[0]!.metadata.get("ARROW:extension:name")).toBe("arrow.fixed_shape_tensor");
    const row = table.getChild("pixels")!.get(61) as { toArray(): Uint8Array };
    expect(Buffer.compare(row.toArray(), pixels.test.subarray(size, 2 * size))).toBe(0);
    expect(table.getChild("label")!.get(61)).toBe(2);
    expect(JSON.parse(table.schema.metadata.get("limbeck.dataset")!)).toMatchObject({
      version: 1,
      name: "big",
      classes: ["a", "b", "c", "d"],
      sizes: { train: 60, test: 5 },
      sha256,
    });
  });

  it("has an identity that does not depend on batches", async () => {
    const { sha256 } = await openCached(recipe("big"), options("big", 0));
    const other = recipe("other", () => Promise.resolve(decoded(31)));
    expect((await openCached(other, options("other", 0))).sha256).toBe(sha256);
  });

  it("is written once and opened afterwards", async () => {
    const never = () => Promise.reject(new Error("decoded again"));
    await openCached(recipe("big", never), options("big", 0));
    await expect(openCached(recipe("big", never), { ...options("big", 0), rebuild: true })).rejects.toThrow(
      "decoded again",
    );
  });
});

describe("a damaged cache", () => {
  const damages: Readonly<Record<string, (path: string) => void>> = {
    "cut by a byte": (path) => truncateSync(path, readFileSync(path).length - 1),
    "cut to nothing": (path) => truncateSync(path, 0),
    "cut in the middle": (path) => truncateSync(path, 100_000),
    "cut and ended as it should": (path) => {
      const bytes = readFileSync(path);
      writeFileSync(path, Buffer.concat([bytes.subarray(0, 100_000), bytes.subarray(-3000)]));
    },
    "of other content": (path) => writeFileSync(path, "x".repeat(5000)),
    "of another version": (path) => replaceText(path, '"version":1', '"version":9'),
    "with another label": (path) => flipLast(path, Buffer.from(Int32Array.of(3, 2, 1, 0, 0).buffer)),
  };
  for (const [what, damage] of Object.entries(damages)) {
    it(`${what} is noticed at opening and rebuilt`, async () => {
      const events: DatasetEvent[] = [];
      const { sha256 } = await openCached(smallRecipe("d"), options("d", 0));
      damage(cacheIn("d"));
      const rebuilt = await openCached(smallRecipe("d"), options("d", 0, events));
      expect(rebuilt.sha256).toBe(sha256);
      verifyDataset(rebuilt);
      expect(events[0]).toMatchObject({ kind: "rebuild", dataset: "d" });
    });
  }

  it("says what is wrong with it", async () => {
    const events: DatasetEvent[] = [];
    await openCached(smallRecipe("d"), options("d", 0));
    truncateSync(cacheIn("d"), 100_000);
    await openCached(smallRecipe("d"), options("d", 0, events));
    const reason = events[0]?.kind === "rebuild" ? events[0].reason : "";
    expect(reason.replace(/^.*d-[0-9a-f]+\.arrow/, "FILE")).toMatchInlineSnapshot(
      `"FILE: wanted a complete cache of decoded images, got a file without its end; delete it, or open the data set with rebuild: true"`,
    );
  });

  it("with another pixel is noticed at opening when small, on demand when large", async () => {
    const events: DatasetEvent[] = [];
    await openCached(smallRecipe("p"), options("p", 0));
    const path = cacheIn("p");
    const bytes = readFileSync(path);
    bytes[200_000]! ^= 4;
    writeFileSync(path, bytes);
    const opened = await openCached(smallRecipe("p"), options("p", 0, events));
    expect(events).toEqual([]);
    expect(() => verifyDataset(opened)).toThrow(DataError);
    expect(() => verifyDataset(opened)).toThrow(
      /^p: wanted images and labels with SHA-256 \w{64}, got \w{64}; the cache/,
    );
    verifyDataset(await openCached(smallRecipe("p"), options("p", 2 ** 30, events)));
    expect(events[0]).toMatchObject({ kind: "rebuild" });
  });
});

describe("writing the cache", () => {
  it("leaves nothing when the reader fails in the middle", async () => {
    async function* batches(): AsyncGenerator<DecodedBatch> {
      yield* decoded(30, [50, 50, 3]).batches;
      throw new DataError("file 7: broken");
    }
    const broken = recipe("broken", () =>
      Promise.resolve({ ...decoded(1, [50, 50, 3]), batches: batches() }),
    );
    expect(await failureOf(openCached(broken, options("broken", 0)), tmp)).toBe("DataError: file 7: broken");
    expect(filesBelow(join(tmp, "broken"))).toEqual([]);
  });

  it("refuses labels out of range and splits without images", async () => {
    const three = recipe("three", () =>
      Promise.resolve({ ...decoded(10, [50, 50, 3]), classes: ["a", "b", "c"] }),
    );
    expect(await failureOf(openCached(three, options("three", 0)), tmp)).toMatchInlineSnapshot(
      `"DataError: three: wanted labels in [0, 3), got 3 in the train split; the data are damaged"`,
    );
    async function* batches(): AsyncGenerator<DecodedBatch> {
      for await (const batch of decoded(30, [50, 50, 3]).batches) if (batch.split === "train") yield batch;
    }
    const half = recipe("half", () => Promise.resolve({ ...decoded(1, [50, 50, 3]), batches: batches() }));
    expect(await failureOf(openCached(half, options("half", 0)), tmp)).toMatchInlineSnapshot(
      `"DataError: half: wanted at least one image in the test split, got none"`,
    );
    expect(filesBelow(join(tmp, "three")).concat(filesBelow(join(tmp, "half")))).toEqual([]);
  });

  it("says so when the folder cannot be made", async () => {
    writeFileSync(join(tmp, "file"), "");
    const failing = openCached(smallRecipe("f"), options("file", 0));
    await expect(failing).rejects.toThrow(RunError);
    expect(await failureOf(openCached(smallRecipe("f"), options("file", 0)), tmp)).toMatchInlineSnapshot(
      `"RunError: TMP/file/datasets: wanted to write the decoded images there, got "a part of the path is a file, not a folder"; make room or set LIMBECK_CACHE to another folder"`,
    );
  });

  it("leaves nothing when the disk is full", () => {
    // A limit on the size of files stands for the full disk: writing beyond it fails in the same way.
    const script = `
      const { fashionMnist } = await import(${JSON.stringify(new URL("../index.ts", import.meta.url).href)});
      // Where a library listens for this signal, writing would end the process instead of failing.
      process.removeAllListeners("SIGXFSZ").on("SIGXFSZ", () => {});
      await fashionMnist({ cacheFolder: process.argv[1] }).catch((error) => {
        process.stdout.write(error.name + ": " + error.message);
      });`;
    const folder = join(tmp, "full");
    const command = `ulimit -f 60000; exec "$0" --import tsx --input-type=module -e "$1" "$2"`;
    const { stdout, stderr, signal } = spawnSync("sh", ["-c", command, process.execPath, script, folder], {
      encoding: "utf8",
    });
    expect({ stderr, signal }).toEqual({ stderr: "", signal: null });
    expect(stdout.replaceAll(tmp, "TMP")).toMatchInlineSnapshot(
      `"RunError: TMP/full/datasets: wanted to write the decoded images there, got "EFBIG: file too large, write"; make room or set LIMBECK_CACHE to another folder"`,
    );
    expect(filesBelow(folder)).toEqual([]);
  });
});

function replaceText(path: string, from: string, to: string): void {
  const bytes = readFileSync(path);
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1)) bytes.write(to, at);
  writeFileSync(path, bytes);
}

function flipLast(path: string, bytes: Buffer): void {
  const file = readFileSync(path);
  const at = file.lastIndexOf(bytes);
  expect(at).toBeGreaterThan(0);
  file[at] = 1;
  writeFileSync(path, file);
}
