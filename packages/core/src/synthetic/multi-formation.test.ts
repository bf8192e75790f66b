import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { describe, expect, it } from "vitest";
import { testWithoutLeaks } from "../testing/without-leaks.ts";
import type { Normalisation } from "../dataset/image-dataset.ts";
import { normal } from "../random/draw.ts";
import { keyFromSeed } from "../random/key.ts";
import { decodedRows, multiFormation } from "./multi-formation.ts";

const normalisation: Normalisation = { kind: "mean-std", mean: [0.25], std: [0.5] };

testWithoutLeaks();

const images = (n: number, size: number, channels = 1): tf.Tensor4D =>
  tf.tensor4d(normal(keyFromSeed(7), n * size * size * channels), [n, size, size, channels]);
/** Pixels `[row][column]` of channel 0 of image n. */
const pixels = (x: tf.Tensor4D, n: number): number[][] =>
  x.arraySync()[n]!.map((row) => row.map(([value]) => value!));

/** One patch of `side`, enlarged as PyTorch's `interpolate(mode="bilinear", align_corners=False)` does. */
function enlarged(patch: readonly number[][], size: number): number[][] {
  const side = patch.length;
  const between = (i: number) => {
    const at = Math.max(0, ((i + 0.5) * side) / size - 0.5);
    const below = Math.floor(at);
    return { below, above: Math.min(below + 1, side - 1), part: at - below };
  };
  return Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (__, j) => {
      const [y, x] = [between(i), between(j)];
      const row = (r: number) => patch[r]![x.below]! * (1 - x.part) + patch[r]![x.above]! * x.part;
      return row(y.below) * (1 - y.part) + row(y.above) * y.part;
    }),
  );
}

function expectClose(found: number[][], wanted: number[][]): void {
  found.flat().forEach((value, i) => expect(value).toBeCloseTo(wanted.flat()[i]!, 5));
}

describe("multiFormation", () => {
  it("factor 1 gives the same pixels", () => {
    const x = images(2, 5);
    expect(Array.from(multiFormation(x, 1, normalisation).dataSync())).toEqual(Array.from(x.dataSync()));
  });

  it("enlarges by two with the weights 3/4 and 1/4, the border repeated", () => {
    const x = tf.tensor4d([1, 5, 100, 100, 2, 6, 100, 100, ...new Array<number>(8).fill(100)], [1, 4, 4, 1]);
    const top = [1, 2, 4, 5];
    const rows = [0, 0.25, 0.75, 1].map((part) => top.map((value) => value + part));
    expectClose(pixels(multiFormation(x, 2, normalisation), 0), rows);
  });

  it("turns a constant image into factor² constant images", () => {
    const decoded = multiFormation(tf.fill([1, 8, 8, 3], 0.75) as tf.Tensor4D, 2, {
      kind: "mean-std",
      mean: [0, 0, 0],
      std: [1, 1, 1],
    });
    expect(decoded.shape).toEqual([4, 8, 8, 3]);
    expect(new Set(decoded.dataSync())).toEqual(new Set([0.75]));
  });

  it("is patch-major: the first patches of all images, then the second ones; rows follow", () => {
    const x = images(3, 8);
    const decoded = multiFormation(x, 2, normalisation);
    for (let k = 0; k < 4; k++) {
      for (let n = 0; n < 3; n++) {
        const [top, left] = [4 * Math.floor(k / 2), 4 * (k % 2)];
        const patch = pixels(x, n)
          .slice(top, top + 4)
          .map((row) => row.slice(left, left + 4));
        expectClose(pixels(decoded, 3 * k + n), enlarged(patch, 8));
      }
    }
    const labels = tf.tensor2d([
      [1, 0],
      [0, 1],
      [2, 2],
    ]);
    expect(decodedRows(labels, 2).arraySync()).toEqual([0, 1, 2, 3].flatMap(() => labels.arraySync()));
  });

  it("28 pixels, factor 3: extended by grey to 30, nine patches of 10, each enlarged to 28", () => {
    const x = images(1, 28);
    const decoded = multiFormation(x, 3, normalisation);
    expect(decoded.shape).toEqual([9, 28, 28, 1]);
    const grey = (0.5 - 0.25) / 0.5;
    const padded = Array.from({ length: 30 }, (_, i) =>
      Array.from({ length: 30 }, (__, j) => pixels(x, 0)[i]?.[j] ?? grey),
    );
    for (const k of [0, 2, 5, 8]) {
      const [top, left] = [10 * Math.floor(k / 3), 10 * (k % 3)];
      const patch = padded.slice(top, top + 10).map((row) => row.slice(left, left + 10));
      expectClose(pixels(decoded, k), enlarged(patch, 28));
    }
  });

  it("names a factor that does not fit", () => {
    expect(() => multiFormation(images(1, 4), 5, normalisation)).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: multiFormation: factor must be a whole number from 1 to 4, the side of the images, got 5]`,
    );
    expect(() => multiFormation(images(1, 4), 1.5, normalisation)).toThrow("got 1.5");
  });
});
