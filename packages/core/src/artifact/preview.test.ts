import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { denormalise } from "../synthetic/set-tensors.ts";
import { toySet } from "../testing/toy-set.ts";
import { decodePng } from "./png.ts";
import { previewGrid, previewPng } from "./preview.ts";
import { setBytes } from "./set-bytes.ts";

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "limbeck-preview-"));
});
afterEach(() => fs.rmSync(root, { recursive: true }));

describe("previewPng", () => {
  it("has a row per class and a column per image, each pixel a square of one colour", async () => {
    const set = toySet({ shape: [4, 5, 3], ipc: 2 });
    const path = join(root, "preview.png");
    await previewPng(set, path);
    const picture = await decodePng(fs.readFileSync(path));
    const scale = 16; // 64 / 4
    expect(picture).toMatchObject({ width: (2 * 6 + 1) * scale, height: (3 * 5 + 1) * scale, channels: 3 });
    const pixels = denormalise(set);
    const wanted = new Uint8Array(picture.pixels.length).fill(128);
    for (let y = 0; y < picture.height; y++) {
      for (let x = 0; x < picture.width; x++) {
        const [row, py] = [Math.floor((y / scale - 1) / 5), Math.floor(y / scale - 1) % 5];
        const [column, px] = [Math.floor((x / scale - 1) / 6), Math.floor(x / scale - 1) % 6];
        if (row < 0 || column < 0 || py === 4 || px === 5) continue;
        const from = (((row * 2 + column) * 4 + py) * 5 + px) * 3;
        wanted.set(pixels.subarray(from, from + 3), (y * picture.width + x) * 3);
      }
    }
    expect(Buffer.from(picture.pixels).equals(Buffer.from(wanted))).toBe(true);
  });

  it("has the same bytes for the same set", async () => {
    const paths = ["a.png", "b.png"].map((name) => join(root, name));
    for (const path of paths) await previewPng(toySet({ shape: [8, 8, 1] }), path);
    expect(fs.readFileSync(paths[0]!).equals(fs.readFileSync(paths[1]!))).toBe(true);
  });

  it("sorts images by class, also by soft labels, and leaves classes without images out", () => {
    const set = toySet({ shape: [1, 1, 1], ipc: 1 });
    const pixels = denormalise(set);
    const shuffled = previewGrid({ ...set, labels: { kind: "hard", values: Int32Array.of(2, 0, 2) } });
    // Two rows of up to two pictures: class 0 has image 1, class 2 has images 0 and 2.
    expect(shuffled.picture).toMatchObject({ width: 5, height: 5 });
    const at = ({ picture }: typeof shuffled, x: number, y: number) => picture.pixels[y * picture.width + x];
    expect([at(shuffled, 1, 1), at(shuffled, 3, 1)]).toEqual([pixels[1], 128]);
    expect([at(shuffled, 1, 3), at(shuffled, 3, 3)]).toEqual([pixels[0], pixels[2]]);
    const rows = Float32Array.of(0, 0.1, 0.9, 0.8, 0.1, 0.1, 0.1, 0.2, 0.7);
    const soft = previewGrid({ ...set, labels: { kind: "soft", values: rows, space: "probabilities" } });
    expect(soft.picture).toEqual(shuffled.picture);
  });

  it("stays within its limit for many and large images", () => {
    const many = previewGrid(toySet({ shape: [128, 128, 1], ipc: 40, classes: ["a"] }));
    expect(many.picture).toMatchObject({ width: 31 * 129 + 1, height: 130 });
    expect(many.scale).toBe(1);
  });
});

describe("setBytes", () => {
  it("counts float images, labels by their number of classes, and real PNG files", async () => {
    const bytes = await setBytes(toySet());
    expect(bytes).toMatchObject({ images: 6 * 60 * 4, labels: 6, total: 6 * 60 * 4 + 6 });
    expect(bytes.encodedPng).toBeGreaterThan(6 * 60);
    const soft = await setBytes(toySet({ labels: "soft" }));
    expect(soft).toMatchObject({ labels: 6 * 3 * 4, total: 6 * 60 * 4 + 6 * 3 * 4 });
    const classes = (count: number) =>
      toySet({ shape: [1, 1, 1], ipc: 1, classes: Array.from({ length: count }, String) });
    expect((await setBytes(classes(1))).labels).toBe(1);
    expect((await setBytes(classes(256))).labels).toBe(256);
    expect((await setBytes(classes(257))).labels).toBe(2 * 257);
  });
});
