import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, describe, expect, it } from "vitest";
import type { ImageDataset } from "../dataset/image-dataset.ts";
import { realImages } from "../dataset/real-images.ts";
import { memorySplit, toyDataset } from "../testing/toy-dataset.ts";
import { foldIn, keyFromSeed } from "../random/key.ts";
import { initialise } from "./initialise.ts";
import { kMeansMembers } from "./k-means-members.ts";

const key = keyFromSeed("initialise");
const dataset = toyDataset({ perClass: 20, shape: [4, 4, 3] });
const real = realImages(dataset);
const base = { dataset, real, ipc: 4, key };

beforeAll(() => tf.setBackend("cpu"));

const rowsOf = (images: tf.Tensor4D): number[][] => {
  const rows = tf.tidy(() => tf.reshape(images, [images.shape[0], -1]).arraySync() as number[][]);
  images.dispose();
  return rows;
};

describe("initialise", () => {
  it("noise: N(0, 1) per pixel", () => {
    const before = tf.memory().numTensors;
    const images = initialise({ ...base, kind: "noise", ipc: 100 });
    expect(images.shape).toEqual([300, 4, 4, 3]);
    const values = Array.from(images.dataSync());
    images.dispose();
    expect(tf.memory().numTensors).toBe(before);
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(values.length));
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / values.length));
  });

  it.each(["real", "kmeans"] as const)("%s: distinct training images, class by class", (kind) => {
    const before = tf.memory().numTensors;
    const rows = rowsOf(initialise({ ...base, kind }));
    expect(rows).toHaveLength(12);
    rows.forEach((row, i) => {
      const members = rowsOf(real.read(real.ofClass(Math.floor(i / 4)))).map(String);
      expect(members).toContain(String(row));
    });
    expect(new Set(rows.map(String)).size).toBe(12);
    expect(rowsOf(initialise({ ...base, kind }))).toEqual(rows);
    expect(rowsOf(initialise({ ...base, kind, key: foldIn(key, 1) }))).not.toEqual(rows);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("mix: factor² distinct shrunken training images in each, cell by cell", () => {
    const before = tf.memory().numTensors;
    const rows = rowsOf(initialise({ ...base, kind: "mix", factor: 2, ipc: 2 }));
    expect(rows).toHaveLength(6);
    const used = new Set<number>();
    rows.forEach((row, n) => {
      const members = rowsOf(real.read(real.ofClass(Math.floor(n / 2))));
      for (let cell = 0; cell < 4; cell++) {
        const [top, left] = [2 * Math.floor(cell / 2), 2 * (cell % 2)];
        // Nearest neighbour by two: rows and columns 0 and 2 of the 4 × 4 source.
        const source = members.findIndex((member) =>
          [0, 1].every((i) =>
            [0, 1].every((j) =>
              [0, 1, 2].every(
                (c) => row[((top + i) * 4 + left + j) * 3 + c] === member[(2 * i * 4 + 2 * j) * 3 + c],
              ),
            ),
          ),
        );
        expect(source).toBeGreaterThanOrEqual(0);
        used.add(100 * Math.floor(n / 2) + source);
      }
    });
    expect(used.size).toBe(24);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("mix: cells differ by one pixel where the factor does not divide the side; factor 1 is real", () => {
    const [row] = rowsOf(initialise({ ...base, kind: "mix", factor: 3, ipc: 1 }));
    expect(row).toHaveLength(48);
    expect(rowsOf(initialise({ ...base, kind: "mix", factor: 1 }))).toEqual(
      rowsOf(initialise({ ...base, kind: "real" })),
    );
    expect(() => initialise({ ...base, kind: "mix", factor: 3 })).toThrow(
      'toy: class "class 0" has 20 training images, wanted at least ipc · factor² = 36; lower ipc or use initialisation "noise"',
    );
    expect(() => initialise({ ...base, kind: "mix", factor: 5 })).toThrow(
      "initialise: factor must be a whole number from 1 to 4, the side of the images, got 5",
    );
  });

  it("kmeans with one image a class: the training image nearest to the class's mean", () => {
    const found = rowsOf(initialise({ ...base, kind: "kmeans", ipc: 1 }));
    dataset.classes.forEach((_, label) => {
      const members = rowsOf(real.read(real.ofClass(label)));
      const mean = members[0]!.map((_, j) => members.reduce((sum, row) => sum + row[j]!, 0) / members.length);
      const distance = (row: readonly number[]): number =>
        row.reduce((sum, value, j) => sum + (value - mean[j]!) ** 2, 0);
      expect(distance(found[label]!)).toBeCloseTo(Math.min(...members.map(distance)), 4);
    });
  });

  it("names a class with too few images", () => {
    expect(() => initialise({ ...base, kind: "real", ipc: 21 })).toThrow(
      'toy: class "class 0" has 20 training images, wanted at least ipc = 21; lower ipc or use initialisation "noise"',
    );
    expect(() => initialise({ ...base, kind: "noise", ipc: 0 })).toThrow(
      "initialise: ipc must be a whole number of at least 1, got 0",
    );
  });
});

describe("kMeansMembers", () => {
  /** Pixels in three tight heaps of 30, 6 and 2 images around (40, 40), (200, 40) and (120, 220). */
  const heaps = [
    [40, 40, 30],
    [200, 40, 6],
    [120, 220, 2],
  ] as const;
  const points = heaps.flatMap(([x, y, count]) =>
    Array.from({ length: count }, (_, i) => [x + (i % 5) - 2, y + (Math.floor(i / 5) % 5) - 2]),
  );
  const clustered: ImageDataset = {
    ...dataset,
    shape: [1, 2, 1],
    classes: ["one"],
    normalisation: { kind: "mean-std", mean: [0], std: [1 / 255] },
    train: memorySplit(Uint8Array.from(points.flat()), new Int32Array(points.length), 2),
  };

  it("finds one member at the middle of each heap, however large", () => {
    for (let seed = 0; seed < 10; seed++) {
      const source = realImages(clustered);
      const members = kMeansMembers(source, source.ofClass(0), 3, foldIn(key, seed));
      const heap = (position: number) => (position < 30 ? 0 : position < 36 ? 1 : 2);
      expect(Array.from(members, heap).sort()).toEqual([0, 1, 2]);
      // The mean of the large heap is (40, 40.5): (40, 40) or (40, 41).
      const [x, y] = points[members.find((position) => heap(position) === 0)!]!;
      expect(x).toBe(40);
      expect(Math.abs(y! - 40.5)).toBeLessThan(1);
    }
  });

  it("clusters in the space it is given, and copes with rows that coincide", () => {
    const source = realImages(clustered);
    const before = tf.memory().numTensors;
    const second = kMeansMembers(source, source.ofClass(0), 2, key, (images) =>
      tf.slice(tf.reshape(images, [-1, 2]) as tf.Tensor2D, [0, 1], [-1, 1]),
    );
    // By the second pixel alone there are two heaps: 36 images near 40, 2 near 220.
    expect(Array.from(second, (position) => position < 36).sort()).toEqual([false, true]);
    const constant = kMeansMembers(
      source,
      source.ofClass(0),
      5,
      key,
      (images) => tf.ones([images.shape[0], 3]) as tf.Tensor2D,
    );
    expect(new Set(constant).size).toBe(5);
    expect(tf.memory().numTensors).toBe(before);
  });
});
