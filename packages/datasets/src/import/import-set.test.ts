import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  ConfigError,
  DataError,
  denormalise,
  encodeSafetensors,
  exportImageFolder,
  exportNpz,
  exportParquet,
  exportSafetensors,
  useBackend,
  type SafetensorsTensor,
  type SyntheticSet,
} from "@limbeck/core";
import { toyDataset, toySet, type ToySetOptions } from "@limbeck/core/testing";
import sharp from "sharp";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { patternPng } from "../../fixtures/image-files.ts";
import { int64Bytes, npyBytes, npzBytes } from "../../fixtures/npz-bytes.ts";
import { temporaryFolder } from "../../fixtures/temporary-folder.ts";
import { importSet, type ImportOptions } from "./import-set.ts";

const dataset = toyDataset({ shape: [4, 5, 3] });
const temporary = temporaryFolder();
let root: string;
beforeAll(() => useBackend("cpu"));
beforeEach(() => {
  root = mkdtempSync(join(temporary, "set-"));
});

function setOf(options: ToySetOptions = {}): SyntheticSet {
  return toySet({ classes: dataset.classes, shape: dataset.shape, ...options });
}

/** The images of `setOf()` with channels first. */
function channelsFirst({ images, size }: SyntheticSet): Float32Array {
  return Float32Array.from(images, (_, i) => {
    const [n, c, p] = [Math.floor(i / 60), Math.floor((i % 60) / 20), i % 20];
    return images[n * 60 + p * 3 + c]!;
  }).subarray(0, size * 60);
}

function writeTensors(
  tensors: Readonly<Record<string, SafetensorsTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): string {
  const path = join(root, "set.safetensors");
  writeFileSync(path, encodeSafetensors({ tensors, metadata }));
  return path;
}

const LABELS = { shape: [6], data: BigInt64Array.of(0n, 0n, 1n, 1n, 2n, 2n) };

describe("importSet gives back what this suite exported", () => {
  it.each<[string, ToySetOptions]>([
    ["hard", {}],
    ["soft", { labels: "soft", stepSize: 0.25 }],
    ["ZCA, multi-formation", { normalisation: "zca", factor: 2 }],
  ])("safetensors, everything: %s", async (_, options) => {
    const set = setOf(options);
    const path = join(root, "set.safetensors");
    exportSafetensors(set, path);
    expect(await importSet(path, dataset)).toEqual(set);
  });

  it.each<[string, ToySetOptions]>([
    ["hard", {}],
    ["soft", { labels: "soft", stepSize: 0.25 }],
    ["ZCA", { normalisation: "zca" }],
  ])("NPZ, every bit of the arrays: %s", async (_, options) => {
    const set = setOf(options);
    const path = join(root, "set.npz");
    exportNpz(set, path);
    const back = await importSet(path, dataset, { labelSpace: "probabilities" });
    expect(back.images).toEqual(set.images);
    expect(back.labels).toEqual(set.labels);
    expect(back.normalisation).toEqual(set.normalisation);
    expect(back.stepSize).toBe(set.stepSize);
    expect(back.provenance).toMatchObject({ method: "imported", dataset: "toy", ipc: 2 });
  });

  it.each(["hard", "soft"] as const)("Parquet and pictures, every pixel: %s labels", async (labels) => {
    const set = setOf({ labels });
    const [parquet, folder] = [join(root, "hub"), join(root, "pictures")];
    await exportParquet(set, parquet);
    await exportImageFolder(set, folder);
    const fromParquet = await importSet(parquet, dataset, { labelSpace: "probabilities" });
    expect(denormalise(fromParquet)).toEqual(denormalise(set));
    expect(fromParquet.labels).toEqual(set.labels);
    const fromFolder = await importSet(folder, dataset, { labelSpace: "probabilities" });
    expect(fromFolder.normalisation).toEqual(dataset.normalisation);
    // Pictures are in the order of their folders; in each the order is kept.
    const order = pictureOrder(set);
    const length = set.images.length / set.size;
    const pixels = denormalise(set);
    const wanted = order.flatMap((i) => [...pixels.subarray(i * length, (i + 1) * length)]);
    expect([...denormalise(fromFolder)]).toEqual(wanted);
    if (labels === "hard") expect(fromFolder.labels).toEqual(set.labels);
    else expect([...fromFolder.labels.values]).toEqual(order.flatMap((i) => softRow(set, i)));
  });

  it("refuses an export that is of another data set", async () => {
    const path = join(root, "set.safetensors");
    exportSafetensors(setOf({ classes: ["cat", "dog"] }), path);
    await expect(importSet(path, dataset)).rejects.toThrow(
      /^set.safetensors: wanted a set of toy, 4x5x3 in 3 classes, got [0-9a-f]{8} of toy, 4x5x3 in 2$/,
    );
  });
});

function softRow({ labels, classes }: SyntheticSet, i: number): number[] {
  return [...labels.values.subarray(i * classes.length, (i + 1) * classes.length)];
}

function pictureOrder(set: SyntheticSet): number[] {
  const label = (i: number): number => {
    const row = set.labels.kind === "hard" ? [] : softRow(set, i);
    return set.labels.kind === "hard" ? set.labels.values[i]! : row.indexOf(Math.max(...row));
  };
  return Array.from({ length: set.size }, (_, i) => i).sort((a, b) => label(a) - label(b) || a - b);
}

describe("importSet of others' floats", () => {
  it("turns channels to the end and keeps every bit", async () => {
    const set = setOf();
    const path = writeTensors({ images: { shape: [6, 3, 4, 5], data: channelsFirst(set) }, labels: LABELS });
    const back = await importSet(path, dataset, {
      normalisation: "dataset",
      method: "mtt",
      augmentation: "flip",
    });
    expect(back.images).toEqual(set.images);
    expect(back.labels).toEqual(set.labels);
    expect(back.augmentation).toBe("flip");
    expect(back.provenance).toMatchObject({ method: "mtt", datasetSha256: dataset.sha256 });
    expect(back.provenance.config).toMatchObject({
      imported: { file: "set.safetensors", format: "safetensors" },
    });
  });

  it("puts images in the order of their classes", async () => {
    const set = setOf();
    const labels = { shape: [6, 1], data: Int32Array.of(2, 0, 1, 2, 1, 0) };
    const path = writeTensors({ images: { shape: [6, 4, 5, 3], data: set.images }, labels });
    const back = await importSet(path, dataset, { normalisation: "dataset" });
    expect(back.labels.values).toEqual(Int32Array.of(0, 0, 1, 1, 2, 2));
    const rows = [1, 5, 2, 4, 0, 3].flatMap((i) => [...set.images.subarray(i * 60, (i + 1) * 60)]);
    expect([...back.images]).toEqual(rows);
  });

  it("normalises what is stated to be pixels", async () => {
    const data = Float32Array.from({ length: 360 }, (_, i) => (i % 256) / 255);
    const unit = writeTensors({ images: { shape: [6, 4, 5, 3], data }, labels: LABELS });
    const back = await importSet(unit, dataset, { normalisation: "unit" });
    expect(back.images[7]).toBe(Math.fround((data[7]! - 0.5) / 0.25));
    expect(back.normalisation).toEqual(dataset.normalisation);
    const none = await importSet(unit, dataset, { normalisation: "none" });
    expect(none.images).toEqual(data);
    expect(none.normalisation).toEqual({ kind: "mean-std", mean: [0, 0, 0], std: [1, 1, 1] });
    const pixels = writeTensors({
      images: { shape: [6, 4, 5, 3], data: data.map((value) => value * 255) },
      labels: LABELS,
    });
    expect((await importSet(pixels, dataset, { normalisation: "pixels" })).images[7]).toBeCloseTo(
      back.images[7]!,
      5,
    );
  });

  it("reads classes and normalisation that the file states, and matches classes by name", async () => {
    const set = setOf();
    const metadata = {
      classes: JSON.stringify(["class 2", "class 0", "class 1"]),
      normalisation: JSON.stringify({ kind: "mean-std", mean: [0.4, 0.5, 0.6], std: [0.2, 0.2, 0.2] }),
    };
    const soft = {
      shape: [6, 3],
      data: Float32Array.from([5, 0, 2].flatMap(() => [0.5, 0.25, 0.25, 0, 1, 0])),
    };
    const path = writeTensors(
      { images: { shape: [6, 4, 5, 3], data: set.images }, soft_labels: soft },
      metadata,
    );
    const back = await importSet(path, dataset);
    expect(back.normalisation).toMatchObject({ mean: [0.4, 0.5, 0.6] });
    expect([...back.labels.values.subarray(0, 6)]).toEqual([0.25, 0.25, 0.5, 1, 0, 0]);
    expect(back.labels).toMatchObject({ kind: "soft", space: "probabilities" });
  });
});

describe("importSet refuses what does not fit", () => {
  const images = { shape: [6, 4, 5, 3], data: setOf().images };
  const refusal = async (
    tensors: Readonly<Record<string, SafetensorsTensor>>,
    options: ImportOptions = { normalisation: "dataset" },
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<string> => {
    const path = writeTensors(tensors, metadata);
    return importSet(path, dataset, options).then(
      () => "accepted",
      (error: unknown) => {
        expect(
          error instanceof DataError ||
            error instanceof ConfigError ||
            (error as Error).name === "ShapeError",
        ).toBe(true);
        return (error as Error).message.replaceAll(root, "");
      },
    );
  };
  const changed = (at: number, value: number): SafetensorsTensor => {
    const data = images.data.slice();
    data[at] = value;
    return { ...images, data };
  };

  it("images: no statement, wrong statement, shape, layout, NaN", async () => {
    const unit = { ...images, data: images.data.map((value) => Math.abs(value) % 1) };
    expect([
      await refusal({ images, labels: LABELS }, {}),
      await refusal({ images, labels: LABELS }, { normalisation: "unit" }),
      await refusal({ images: unit, labels: LABELS }),
      await refusal({ images: unit, labels: LABELS }, { normalisation: "pixels" }),
      await refusal(
        { images: { ...images, data: images.data.map((v) => v + 99) }, labels: LABELS },
        {
          normalisation: { kind: "mean-std", mean: [0, 0, 0], std: [1, 1, 1] },
        },
      ),
      await refusal(
        { images, labels: LABELS },
        { normalisation: { kind: "mean-std", mean: [0.5], std: [1] } },
      ),
      await refusal({ images: { ...images, shape: [6, 5, 4, 3] }, labels: LABELS }),
      await refusal({ images, labels: LABELS }, { normalisation: "dataset", layout: "nchw" }),
      await refusal({ images: changed(61, NaN), labels: LABELS }),
      await refusal({ images: changed(0, Infinity), labels: LABELS }),
      await refusal({ pictures: images, labels: LABELS }),
      await refusal({ images, labels: LABELS, mean: { shape: [1], data: Float32Array.of(1) } }),
    ]).toMatchInlineSnapshot(`
      [
        "/set.safetensors: the file does not tell in which space its floats are; state normalisation: dataset, unit, pixels, none, or constants",
        "/set.safetensors: wanted values from 0 to 1 as stated, got 65 % outside and 2.492182970046997 as the largest; the stated normalisation does not fit",
        "/set.safetensors: wanted normalised values, about as many below 0 as above, got none below 0; the stated normalisation does not fit",
        "/set.safetensors: wanted values from 0 to 255 as stated, got 0 % outside and 0.9927822351455688 as the largest; the stated normalisation does not fit",
        "/set.safetensors: wanted a mean colour within [0, 1], got [99.11, 99.01, 99.04]; the stated normalisation does not fit",
        "normalisation: wanted 3 means and 3 positive standard deviations, got [0.5] and [1]",
        "/set.safetensors: wanted images of 4x5x3 as [N,3,4,5] (nchw) or [N,4,5,3] (nhwc), got [6,5,4,3]",
        "/set.safetensors: wanted images of 4x5x3 as [N,3,4,5] (nchw) or [N,4,5,3] (nhwc), stated nchw, got [6,4,5,3]",
        "/set.safetensors: wanted finite images, got NaN in image 1",
        "/set.safetensors: wanted finite images, got Infinity in image 0",
        "/set.safetensors: wanted images (images, image, image_syn, x, data, imgs), got labels, pictures",
        "/set.safetensors: wanted both mean and std, got only mean",
      ]
    `);
  });

  it("labels: number, range, whole classes missing, columns, unclear space, names", async () => {
    const hard = (...labels: number[]): SafetensorsTensor => ({
      shape: [labels.length],
      data: Int32Array.from(labels),
    });
    const soft = { shape: [6, 3], data: new Float32Array(18).fill(0.5) };
    const named = (classes: unknown) => ({ classes: JSON.stringify(classes) });
    const stated: ImportOptions = { normalisation: "dataset" };
    expect([
      await refusal({ images }),
      await refusal({ images, labels: hard(0, 1, 2) }),
      await refusal({ images, labels: hard(0, 1, 2, 3, 0, 0) }),
      await refusal({ images, labels: hard(0, 1, 2, -1, 0, 0) }),
      await refusal({ images, labels: hard(0, 1, 0, 1, 0, 0) }),
      await refusal({ images, labels: { shape: [6], data: new Float32Array(6).fill(0.5) } }),
      await refusal({ images, labels: { shape: [6, 4], data: new Float32Array(24) } }),
      await refusal({ images, labels: soft }),
      await refusal({ images, labels: { ...soft, data: new Float32Array(18).fill(NaN) } }),
      await refusal({ images, labels: LABELS }, stated, named(["cat", "class 0", "class 1"])),
      await refusal({ images, labels: LABELS }, stated, named(["class 0", "class 0", "class 1"])),
      await refusal({ images, labels: LABELS }, stated, named("class 0")),
      await refusal({ images, labels: LABELS }, { ...stated, factor: 9 }),
    ]).toMatchInlineSnapshot(`
      [
        "/set.safetensors: wanted labels (labels, label, label_syn, y, targets), got images",
        "/set.safetensors: wanted 6 labels, one an image, got shape [3]",
        "/set.safetensors: wanted labels from 0 to 2, got 3 for image 3",
        "/set.safetensors: wanted labels from 0 to 2, got -1 for image 3",
        "/set.safetensors: wanted images of all 3 classes, got none of class 2; it was made from another set of classes",
        "/set.safetensors: wanted labels from 0 to 2, got 0.5 for image 0",
        "/set.safetensors: wanted soft labels [6,3] for the 3 classes of the data set, got [6,4]",
        "/set.safetensors: the soft labels are no distributions; state whether they are logits or probabilities",
        "/set.safetensors: wanted finite soft labels, got NaN for image 0",
        "/set.safetensors: wanted the 3 classes of the data set (class 0, class 1, class 2), got 3, of which it has no cat",
        "/set.safetensors: wanted the 3 classes of the data set (class 0, class 1, class 2), got 3 with repeated names",
        "/set.safetensors: wanted classes as JSON in the metadata, got "\\"class 0\\""",
        "/set.safetensors: factor must be absent or a whole number from 2 to 4, the side of the images, got 9",
      ]
    `);
  });
});

describe("importSet of pictures", () => {
  it("takes numbered folders as labels, and JPEG and WebP", async () => {
    for (const label of [0, 1, 2]) {
      const folder = join(root, "set", `0000${label}`);
      mkdirSync(folder, { recursive: true });
      const png = sharp(await patternPng(label, 4, 5, 3));
      writeFileSync(join(folder, "0.webp"), await png.clone().webp({ lossless: true }).toBuffer());
      writeFileSync(join(folder, "1.jpg"), await png.clone().jpeg({ quality: 100 }).toBuffer());
    }
    const set = await importSet(join(root, "set"), dataset);
    expect(set.labels.values).toEqual(Int32Array.of(0, 0, 1, 1, 2, 2));
    const first = await sharp(await patternPng(0, 4, 5, 3))
      .raw()
      .toBuffer();
    expect(denormalise(set).subarray(0, 60)).toEqual(new Uint8Array(first));
  });

  it("reads soft labels from CSV", async () => {
    const set = setOf({ labels: "soft" });
    const folder = join(root, "set");
    await exportImageFolder(set, folder);
    const lines = readFileSync(join(folder, "train", "metadata.jsonl"), "utf8")
      .trim()
      .split("\n");
    const rows = lines.map((line) => JSON.parse(line) as { file_name: string; soft_label: number[] });
    const csv = rows.map(({ file_name: name, soft_label: label }) => `${name},"${JSON.stringify(label)}"`);
    writeFileSync(join(folder, "train", "metadata.csv"), `file_name,soft_label\n${csv.join("\n")}\n`);
    const options = { labelSpace: "probabilities" } as const;
    const json = await importSet(folder, dataset, options);
    rmSync(join(folder, "train", "metadata.jsonl"));
    expect((await importSet(folder, dataset, options)).labels).toEqual(json.labels);
  });

  it("refuses other classes, loose files, other sizes, and a picture that unpacks to far more", async () => {
    const fault = async (name: string): Promise<string> =>
      importSet(join(root, name), dataset).then(
        () => "accepted",
        (error: Error) => `${error.name}: ${error.message.replaceAll(root, "")}`,
      );
    const write = async (path: string, bytes?: Uint8Array): Promise<void> => {
      mkdirSync(join(root, path, ".."), { recursive: true });
      writeFileSync(join(root, path), bytes ?? (await patternPng(0, 4, 5, 3)));
    };
    await write("names/tench/0.png");
    await write("names/class 0/0.png");
    await write("loose/0.png");
    await write("size/0/0.png", await patternPng(0, 5, 4, 3));
    const black = { width: 8000, height: 8000, channels: 3 as const, background: "black" };
    await write("bomb/0/0.png", await sharp({ create: black }).png().toBuffer());
    await write("torn/0/0.png", (await patternPng(0, 4, 5, 3)).subarray(0, 60));
    mkdirSync(join(root, "empty"));
    const names = ["names", "loose", "size", "bomb", "torn", "empty", "absent"];
    expect(await Promise.all(names.map(fault))).toMatchInlineSnapshot(`
      [
        "DataError: /names: wanted the 3 classes of the data set (class 0, class 1, class 2), got 2, of which it has no tench",
        "DataError: /loose/0.png: wanted only pictures in class folders, got another file; remove it",
        "DataError: /size/0/0.png: wanted pictures of 4x5x3 like the data set, got 5x4x3",
        "DataError: /bomb/0/0.png: wanted a readable image, got "Input image exceeds pixel limit"; remove or replace it",
        "DataError: /torn/0/0.png: wanted a readable image, got "Input buffer has corrupt header:"; remove or replace it",
        "DataError: /empty: wanted pictures, got none",
        "DataError: /absent: wanted a condensed set, got no such file or folder",
      ]
    `);
  });

  it("never leaves the folder for a name in its metadata", async () => {
    const folder = join(root, "set");
    await exportImageFolder(setOf({ labels: "soft" }), folder);
    const path = join(folder, "train", "metadata.jsonl");
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace(/"file_name":"[^"]*"/, '"file_name":"../../../../etc/passwd"'));
    await expect(importSet(folder, dataset, { labelSpace: "probabilities" })).rejects.toThrow(
      /metadata.jsonl: wanted a soft label of 3 numbers for .*, got none$/,
    );
  });
});

describe("importSet of archives and names", () => {
  it("reads images of bytes without a statement", async () => {
    const pixels = Uint8Array.from({ length: 360 }, (_, i) => i % 251);
    const arrays = {
      x: npyBytes("|u1", [6, 4, 5, 3], pixels),
      y: npyBytes("<i8", [6], int64Bytes([0, 0, 1, 1, 2, 2])),
    };
    const path = join(root, "set.npz");
    writeFileSync(path, npzBytes(arrays));
    const set = await importSet(path, dataset);
    expect(denormalise(set)).toEqual(pixels);
  });

  it("refuses pickled objects, sizes that lie, and unknown names", async () => {
    const path = join(root, "set.npz");
    const labels = npyBytes("<i8", [6], int64Bytes([0, 0, 1, 1, 2, 2]));
    writeFileSync(path, npzBytes({ images: npyBytes("|O", [1], new Uint8Array(8)), labels }));
    await expect(importSet(path, dataset)).rejects.toThrow(/wanted numbers \(.*\), got type "\|O"$/);
    writeFileSync(path, npzBytes({ images: npyBytes("<f4", [2 ** 40, 3], new Uint8Array(8)), labels }));
    await expect(importSet(path, dataset)).rejects.toThrow(/the header does not fit the data$/);
    // A directory that declares 300 MB in a few bytes.
    const bomb = Buffer.from(npzBytes({ images: npyBytes("<f4", [1], new Uint8Array(4)), labels }));
    bomb.writeUInt32LE(300_000_000, bomb.indexOf("PK\x01\x02", 0, "latin1") + 24);
    writeFileSync(path, bomb);
    await expect(importSet(path, dataset)).rejects.toThrow(/packed at most 200 times.*not to be trusted$/);
    renameSync(path, join(root, "set.what"));
    await expect(importSet(join(root, "set.what"), dataset)).rejects.toThrow(
      new ConfigError(
        `${join(root, "set.what")}: wanted a name that tells the format (.safetensors, .npz, .parquet, .pt, .pth, .zip), got "set.what"; give it as format`,
      ),
    );
    cpSync(join(root, "set.what"), join(root, "other"));
    await expect(importSet(join(root, "other"), dataset, { format: "parquet" })).rejects.toThrow(
      /wanted a readable Parquet file/,
    );
  });
});
