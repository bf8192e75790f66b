import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parquetMetadata, parquetReadObjects, parquetSchema } from "hyparquet";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { useBackend } from "../engine/engine.ts";
import { DataError, RunError } from "../errors.ts";
import { denormalise } from "../synthetic/set-tensors.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { toySet, type ToySetOptions } from "../testing/toy-set.ts";
import { describeSet } from "./set-format.ts";
import { exportImageFolder } from "./export-image-folder.ts";
import { exportParquet, PARQUET_FILE } from "./export-parquet.ts";
import { exportSafetensors } from "./export-safetensors.ts";
import { decodePng } from "./png.ts";
import { readSafetensors } from "./safetensors.ts";

let root: string;
let target: string;
beforeAll(() => useBackend("cpu"));
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "limbeck-export-"));
  target = join(root, "out");
});
afterEach(() => fs.rmSync(root, { recursive: true }));

const VARIANTS: [string, ToySetOptions][] = [
  ["hard labels", {}],
  ["soft labels", { labels: "soft" }],
  ["grey", { shape: [6, 4, 1] }],
  ["ZCA", { normalisation: "zca" }],
];

/** Pixels of image `i` as they should look. */
function pixelsOf(set: SyntheticSet, i: number): Uint8Array {
  const length = set.images.length / set.size;
  return denormalise(set).slice(i * length, (i + 1) * length);
}

describe("exportParquet", () => {
  it.each(VARIANTS)("can be read back: %s", async (_, options) => {
    const set = toySet(options);
    await exportParquet(set, target);
    const file = await arrayBufferOf(join(target, PARQUET_FILE));
    const rows = (await parquetReadObjects({ file, utf8: false })) as unknown as Row[];
    expect(rows).toHaveLength(set.size);
    for (const [i, row] of rows.entries()) {
      expect(row.image.path).toBe(`0000${i}.png`);
      const [height, width, channels] = set.shape;
      expect(await decodePng(row.image.bytes)).toEqual({ height, width, channels, pixels: pixelsOf(set, i) });
      // PNG header: 8 bits, grey (0) or RGB (2).
      expect([row.image.bytes[24], row.image.bytes[25]]).toEqual([8, channels === 1 ? 0 : 2]);
      if (set.labels.kind === "hard") {
        expect(row.label).toBe(BigInt(set.labels.values[i]!));
        expect(row.soft_label).toBeUndefined();
      } else {
        const soft = Array.from(set.labels.values.subarray(i * 3, (i + 1) * 3));
        expect(Array.from(row.soft_label!)).toEqual(soft);
        expect(Number(row.label)).toBe(soft.indexOf(Math.max(...soft)));
      }
    }
    const { tensors } = readSafetensors(join(target, "set.safetensors"));
    expect(tensors["images"]!.data).toEqual(set.images);
  });

  it("has the schema and the features that data hubs look for", async () => {
    await exportParquet(toySet({ labels: "soft" }), target);
    const metadata = parquetMetadata(await arrayBufferOf(join(target, PARQUET_FILE)));
    const schema = parquetSchema(metadata);
    const columns = schema.children.map(({ element, children }) => [
      element.name,
      element.type ?? children.map((child) => `${child.element.name} ${child.element.type}`),
    ]);
    expect(columns).toEqual([
      ["image", ["bytes BYTE_ARRAY", "path BYTE_ARRAY"]],
      ["label", "INT64"],
      ["soft_label", ["list undefined"]],
    ]);
    const huggingface = metadata.key_value_metadata?.find(({ key }) => key === "huggingface")?.value;
    expect(JSON.parse(huggingface!)).toMatchInlineSnapshot(`
      {
        "info": {
          "features": {
            "image": {
              "_type": "Image",
            },
            "label": {
              "_type": "ClassLabel",
              "names": [
                "cat",
                "dog",
                "fish",
              ],
            },
            "soft_label": {
              "_type": "Sequence",
              "feature": {
                "_type": "Value",
                "dtype": "float32",
              },
              "length": 3,
            },
          },
        },
      }
    `);
    expect(fs.readdirSync(target).sort()).toEqual(["README.md", "data", "set.safetensors"]);
  });

  it("refuses a folder with content, and leaves it alone", async () => {
    fs.mkdirSync(target);
    fs.writeFileSync(join(target, "mine"), "");
    await expect(exportParquet(toySet(), target)).rejects.toThrow(
      new RunError(`${target}: wanted a new or empty folder, it has content; choose another or remove it`),
    );
    expect(fs.readdirSync(root)).toEqual(["out"]);
    expect(fs.readdirSync(target)).toEqual(["mine"]);
  });
});

describe("exportImageFolder", () => {
  it.each(VARIANTS)("holds the pictures pixel for pixel: %s", async (_, options) => {
    const set = toySet(options);
    await exportImageFolder(set, target);
    const files = fs.readdirSync(join(target, "train"), { recursive: true, encoding: "utf8" });
    const pngs = files.filter((file) => file.endsWith(".png"));
    expect(pngs).toHaveLength(set.size);
    if (set.labels.kind === "hard") {
      expect(pngs.sort()).toEqual(
        ["cat", "dog", "fish"].flatMap((name) => [`${name}/00000.png`, `${name}/00001.png`]),
      );
      for (const [i, file] of pngs.entries()) {
        const picture = await decodePng(fs.readFileSync(join(target, "train", file)));
        expect(picture).toMatchObject({ height: set.shape[0], width: set.shape[1], channels: set.shape[2] });
        expect(picture.pixels).toEqual(pixelsOf(set, i));
      }
      expect(files).not.toContain("metadata.jsonl");
    } else {
      const lines = fs
        .readFileSync(join(target, "train", "metadata.jsonl"), "utf8")
        .trim()
        .split("\n");
      for (const [i, line] of lines.entries()) {
        const row = JSON.parse(line) as { file_name: string; label: number; soft_label: number[] };
        expect(Float32Array.from(row.soft_label)).toEqual(set.labels.values.slice(i * 3, (i + 1) * 3));
        expect(row.file_name).toMatch(new RegExp(`^${set.classes[row.label]}/\\d{5}\\.png$`));
        const picture = await decodePng(fs.readFileSync(join(target, "train", row.file_name)));
        expect(picture.pixels).toEqual(pixelsOf(set, i));
      }
    }
  });

  it("puts channels that are no colours side by side", async () => {
    const set = toySet({ shape: [2, 3, 5], classes: ["only"], ipc: 1 });
    await exportImageFolder(set, target);
    const picture = await decodePng(fs.readFileSync(join(target, "train", "only", "00000.png")));
    expect(picture).toMatchObject({ height: 2, width: 15, channels: 1 });
    const pixels = pixelsOf(set, 0);
    for (let y = 0; y < 2; y++) {
      for (let x = 0; x < 3; x++) {
        for (let c = 0; c < 5; c++)
          expect(picture.pixels[y * 15 + c * 3 + x]).toBe(pixels[(y * 3 + x) * 5 + c]);
      }
    }
  });

  it("writes nothing outside its folder, whatever the classes are called", async () => {
    await exportImageFolder(toySet({ classes: ["../../escape", "/abs", "..", "a", "A"], ipc: 1 }), target);
    expect(fs.readdirSync(root)).toEqual(["out"]);
    expect(fs.readdirSync(join(target, "train")).sort()).toEqual([
      "A-2",
      "_.._escape",
      "_abs",
      "a",
      "class-2",
    ]);
  });
});

describe("exportSafetensors", () => {
  it.each(VARIANTS)("gives back every bit: %s", (_, options) => {
    const set = toySet({ ...options, stepSize: 0.01 });
    const path = join(root, "set.safetensors");
    exportSafetensors(set, path);
    const { tensors, metadata } = readSafetensors(path);
    expect(tensors["images"]).toEqual({ shape: [set.size, ...set.shape], data: set.images });
    expect(tensors["labels"]).toEqual(
      set.labels.kind === "hard"
        ? { shape: [6], data: BigInt64Array.of(0n, 0n, 1n, 1n, 2n, 2n) }
        : { shape: [6, 3], data: set.labels.values },
    );
    expect(JSON.parse(metadata["limbeck"]!)).toEqual(describeSet(set));
    expect(metadata).toMatchObject({ layout: "NHWC", method: "toy", augmentation: "color_crop_flip" });
    if (set.normalisation.kind === "zca") {
      const size = set.normalisation.mean.length;
      expect(tensors["zca_mean"]).toEqual({ shape: [size], data: set.normalisation.mean });
      expect(tensors["zca_whiten"]).toEqual({ shape: [size, size], data: set.normalisation.whiten });
      expect(tensors["zca_unwhiten"]).toEqual({ shape: [size, size], data: set.normalisation.unwhiten });
    }
  });

  it("refuses a set that is not whole, before it writes", () => {
    const path = join(root, "set.safetensors");
    expect(() => exportSafetensors({ ...toySet(), size: 4 }, path)).toThrow(DataError);
    expect(fs.readdirSync(root)).toEqual([]);
  });
});

interface Row {
  readonly image: { readonly bytes: Uint8Array; readonly path: string };
  readonly label: bigint;
  readonly soft_label?: readonly number[];
}

async function arrayBufferOf(path: string): Promise<ArrayBuffer> {
  const bytes = await fs.promises.readFile(path);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}
