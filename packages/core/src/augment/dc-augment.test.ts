import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { describe, expect, it } from "vitest";
import { testWithoutLeaks } from "../testing/without-leaks.ts";
import { normal } from "../random/draw.ts";
import { foldIn, keyFromSeed } from "../random/key.ts";
import { dcAugment } from "./dc-augment.ts";

const key = keyFromSeed("dc");
const SIDE = 10;

testWithoutLeaks();

const image = (): tf.Tensor4D => tf.tensor4d(normal(keyFromSeed(1), SIDE * SIDE), [1, SIDE, SIDE, 1]);
const copies = (n: number): tf.Tensor4D => tf.tile(image(), [n, 1, 1, 1]);
const pixels = (x: tf.Tensor4D): number[][][] =>
  x.arraySync().map((one) => one.map((row) => row.map(([v]) => v!)));

describe("dcAugment", () => {
  it("crop: whole shifts from −4 to 3 both ways, the mean moves in", () => {
    const source = pixels(image())[0]!;
    const mean = tf.mean(image()).dataSync()[0]!;
    const seen = new Set<string>();
    for (const y of pixels(dcAugment(copies(300), ["crop"], key))) {
      const shifts = Array.from({ length: 81 }, (_, k) => [Math.floor(k / 9) - 4, (k % 9) - 4] as const);
      const found = shifts.filter(([dy, dx]) =>
        y.every((row, i) => row.every((v, j) => Math.abs(v - (source[i + dy]?.[j + dx] ?? mean)) < 1e-5)),
      );
      expect(found).toHaveLength(1);
      seen.add(String(found[0]));
    }
    const axis = (k: 0 | 1) =>
      [...new Set([...seen].map((shift) => Number(shift.split(",")[k])))].sort((a, b) => a - b);
    expect([axis(0), axis(1)]).toEqual([
      [-4, -3, -2, -1, 0, 1, 2, 3],
      [-4, -3, -2, -1, 0, 1, 2, 3],
    ]);
  });

  it("scale: nearest neighbour, centred, zeros around, from 8 to 11 of 10 pixels", () => {
    // Each pixel tells its own row or column; zeros are distinct.
    const rows = tf.tile(tf.reshape(tf.range(1, SIDE + 1), [1, SIDE, 1, 1]), [
      200,
      1,
      SIDE,
      1,
    ]) as tf.Tensor4D;
    const heights = new Set<number>();
    for (const y of pixels(dcAugment(rows, ["scale"], key))) {
      const column = y.map((row) => Math.max(...row));
      const inside = column.filter((v) => v > 0).length;
      const h = inside < SIDE ? inside : column[0] === 1 && column[SIDE - 1] === SIDE ? SIDE : 11;
      heights.add(h);
      const [top, skip] = [
        Math.floor((Math.max(h, SIDE) - h) / 2),
        Math.floor((Math.max(h, SIDE) - SIDE) / 2),
      ];
      const wanted = Array.from({ length: SIDE }, (_, i) => {
        const at = i + skip - top;
        return at < 0 || at >= h ? 0 : Math.floor((at * SIDE) / h) + 1;
      });
      expect(column).toEqual(wanted);
    }
    expect([...heights].sort((a, b) => a - b)).toEqual([8, 9, 10, 11]);
  });

  it("rotate: about the centre by up to 45 degrees; the mean moves in", () => {
    // A disc of ones around the centre stays what it is, on a ground of zeros whose mean is taken away.
    const disc = (r: number) =>
      tf.tensor4d(
        Float32Array.from({ length: 441 }, (_, k) =>
          Math.hypot(Math.floor(k / 21) - 10, (k % 21) - 10) <= r ? 1 : 0,
        ),
        [1, 21, 21, 1],
      );
    const y = pixels(dcAugment(tf.tile(disc(6), [20, 1, 1, 1]), ["rotate"], key));
    const mean = tf.mean(disc(6)).dataSync()[0]!;
    for (const one of y) {
      expect(one[10]![10]).toBeCloseTo(1, 5);
      expect(one[10]![14]).toBeCloseTo(1, 5);
      expect(one[10]![1]).toBeCloseTo(0, 5);
    }
    // The corners of the square are read from outside it, unless the angle is near 0.
    expect(Math.abs(y[0]![0]![0]! - mean)).toBeLessThan(1e-5);
    // A bar along the middle row: its angle is that of its pixels' directions, within 45 degrees and of both signs.
    const bar = tf.tensor4d(
      Float32Array.from({ length: 441 }, (_, k) => (Math.floor(k / 21) === 10 && k % 21 > 10 ? 1 : 0)),
      [1, 21, 21, 1],
    );
    const angles = pixels(dcAugment(tf.tile(bar, [60, 1, 1, 1]), ["rotate"], key)).map((one) => {
      let [y0, x0] = [0, 0];
      one.forEach((row, i) =>
        row.forEach((v, j) => {
          if (v < 0.3 || Math.hypot(i - 10, j - 10) > 8) return;
          y0 += v * (i - 10);
          x0 += v * (j - 10);
        }),
      );
      return (Math.atan2(y0, x0) * 180) / Math.PI;
    });
    expect(Math.max(...angles)).toBeGreaterThan(25);
    expect(Math.max(...angles)).toBeLessThan(47);
    expect(Math.min(...angles)).toBeLessThan(-25);
    expect(Math.min(...angles)).toBeGreaterThan(-47);
  });

  it("noise: of deviation 0.001, and each image has an operation of its own", () => {
    const x = copies(40);
    const difference = tf.sub(dcAugment(x, ["noise"], key), x);
    const { variance } = tf.moments(difference);
    expect(Math.sqrt(variance.dataSync()[0]!) / 0.001).toBeCloseTo(1, 1);
    const mixed = tf.max(tf.abs(tf.sub(dcAugment(x, ["noise", "crop"], key), x)), [1, 2, 3]).dataSync();
    const noisy = Array.from(mixed).filter((v) => v < 0.01).length;
    expect(noisy).toBeGreaterThan(8);
    expect(noisy).toBeLessThan(32);
  });

  it("same key, same bits; another key, another draw", () => {
    const bits = (own: number) =>
      String(dcAugment(copies(3), ["crop", "scale", "rotate"], foldIn(key, own)).dataSync());
    expect(bits(0)).toBe(bits(0));
    expect(bits(0)).not.toBe(bits(1));
  });
});
