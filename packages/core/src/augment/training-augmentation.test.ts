import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { describe, expect, it } from "vitest";
import { testWithoutLeaks } from "../testing/without-leaks.ts";
import { normal } from "../random/draw.ts";
import { foldIn, keyFromSeed } from "../random/key.ts";
import { cropFlip } from "./crop-flip.ts";
import { drawCutmix, drawMixup, mixImages, mixLabels } from "./mixing.ts";
import { drawCropBoxes, resizedCrop } from "./resized-crop.ts";

const key = keyFromSeed("training");

testWithoutLeaks();

const images = (n: number, h: number, w: number, c: number, seed = "x"): tf.Tensor4D =>
  tf.tensor4d(normal(keyFromSeed(seed), n * h * w * c), [n, h, w, c]);

/** ⟨f(v), w⟩ = ⟨v, ∇⟨f, w⟩⟩ for linear f. */
function expectTransposed(f: (x: tf.Tensor4D) => tf.Tensor4D, x: tf.Tensor4D): void {
  const y = f(x);
  const w = tf.tensor4d(normal(keyFromSeed("w"), y.size), y.shape);
  const transposed = tf.grad(f as (x: tf.Tensor) => tf.Tensor)(tf.zerosLike(x), w);
  const [left, right] = [tf.sum(tf.mul(y, w)).dataSync()[0]!, tf.sum(tf.mul(x, transposed)).dataSync()[0]!];
  expect(Math.abs(left)).toBeGreaterThan(1e-3);
  expect(Math.abs(left - right)).toBeLessThan(1e-5 * Math.max(1, Math.abs(left)));
}

describe("cropFlip", () => {
  it("moves each image by up to `pad` pixels either way and mirrors half of them", () => {
    const n = 600;
    const x = tf.tile(images(1, 5, 6, 1), [n, 1, 1, 1]);
    const [source] = x.arraySync();
    const seen = new Map<string, number>();
    for (const y of cropFlip(x, { key, pad: 1 }).arraySync()) {
      const found = [-1, 0, 1].flatMap((dx) =>
        [-1, 0, 1].flatMap((dy) =>
          [false, true]
            .filter((flip) =>
              y.every((row, i) =>
                row.every(([v], j) => v === (source![i - dy]?.[(flip ? 5 - j : j) - dx]?.[0] ?? 0)),
              ),
            )
            .map((flip) => `${dx},${dy},${flip}`),
        ),
      );
      expect(found).toHaveLength(1);
      seen.set(found[0]!, (seen.get(found[0]!) ?? 0) + 1);
    }
    expect(seen.size).toBe(18);
  });

  it("can leave the flip out, and is linear with the right gradient", () => {
    const x = images(4, 5, 6, 2);
    expect(cropFlip(x, { key, pad: 0, flip: false }).dataSync()).toEqual(x.dataSync());
    expectTransposed((v) => cropFlip(v, { key }), x);
  });
});

describe("resizedCrop", () => {
  it("of the whole image is the identity or its mirror image", () => {
    const x = images(2, 4, 6, 3);
    const whole = { top: 0, left: 0, height: 4, width: 6 };
    const y = resizedCrop(x, [
      { ...whole, flip: false },
      { ...whole, flip: true },
    ]);
    const expected = tf.concat([tf.slice(x, 0, 1), tf.reverse(tf.slice(x, 1, 1), 2)], 0);
    expect(y.dataSync()).toEqual(expected.dataSync());
  });

  it("enlarges as torch.nn.functional.interpolate (bilinear, align_corners false): a row 1, 3 becomes 1, 1.5, 2.5, 3", () => {
    const x = tf.tensor4d([9, 1, 3, 9], [1, 1, 4, 1]);
    const y = resizedCrop(x, [{ top: 0, left: 1, height: 1, width: 2, flip: false }], [2, 4]);
    expect(Array.from(y.dataSync())).toEqual([1, 1.5, 2.5, 3, 1, 1.5, 2.5, 3]);
  });

  it("draws windows inside the image, of the wanted area and shape", () => {
    const boxes = drawCropBoxes(key, 2000, 32, 32, { scale: [0.25, 1] });
    let mirrored = 0;
    for (const box of boxes) {
      expect(box.top).toBeGreaterThanOrEqual(0);
      expect(box.left).toBeGreaterThanOrEqual(0);
      expect(box.top + box.height).toBeLessThanOrEqual(32);
      expect(box.left + box.width).toBeLessThanOrEqual(32);
      // Sides are rounded: half a pixel of 16 either way.
      expect((box.height * box.width) / 1024).toBeGreaterThan(0.25 * 0.93);
      expect(box.width / box.height).toBeGreaterThan((3 / 4) * 0.93);
      expect(box.width / box.height).toBeLessThan((4 / 3) * 1.07);
      mirrored += box.flip ? 1 : 0;
    }
    expect(Math.abs(mirrored - 1000)).toBeLessThan(120);
    expect(new Set(boxes.map((box) => box.top)).size).toBeGreaterThan(10);
  });

  it("falls back to a centred window where none fits", () => {
    const [box] = drawCropBoxes(key, 1, 10, 40, { scale: [1, 1] });
    expect(box).toMatchObject({ top: 0, left: 13, height: 10, width: 13 });
  });

  it("has the right gradient and refuses boxes outside", () => {
    const x = images(3, 6, 6, 2);
    expectTransposed((v) => resizedCrop(v, drawCropBoxes(key, 3, 6, 6), [5, 4]), x);
    expect(() => resizedCrop(x, [])).toThrow("resizedCrop: `boxes` must hold 3 boxes, got 0");
    const box = { top: 4, left: 0, height: 3, width: 2, flip: false };
    expect(() => resizedCrop(x, [box, box, box])).toThrow("resizedCrop: a box must lie inside 6×6 pixels");
  });
});

describe("mixing", () => {
  it("MixUp: images and labels are the same convex combination of a pair", () => {
    const x = images(4, 3, 3, 1);
    const labels = tf.eye(4) as tf.Tensor2D;
    const mixing = drawMixup(key, 4, 0.8);
    expect(mixing.share).toBeGreaterThanOrEqual(0);
    expect(mixing.share).toBeLessThanOrEqual(1);
    const [source, mixed, soft] = [
      x.arraySync(),
      mixImages(x, mixing).arraySync(),
      mixLabels(labels, mixing).arraySync(),
    ];
    for (let i = 0; i < 4; i++) {
      const j = mixing.partner[i]!;
      const expected = mixing.share * source[i]![1]![2]![0]! + (1 - mixing.share) * source[j]![1]![2]![0]!;
      expect(mixed[i]![1]![2]![0]!).toBeCloseTo(expected, 5);
      expect(soft[i]!.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
      if (j !== i) expect(soft[i]![j]).toBeCloseTo(1 - mixing.share, 6);
    }
    expectTransposed((v) => mixImages(v, mixing), x);
  });

  it("CutMix: a box comes from the partner and the share is the area that stays", () => {
    const x = images(5, 8, 6, 2);
    for (let step = 0; step < 30; step++) {
      const mixing = drawCutmix(foldIn(key, step), 5, 8, 6);
      const box = mixing.box!;
      const [source, mixed] = [x.arraySync(), mixImages(x, mixing).arraySync()];
      let kept = 0;
      for (let i = 0; i < 8; i++) {
        for (let j = 0; j < 6; j++) {
          const inside =
            i >= box.top && i < box.top + box.height && j >= box.left && j < box.left + box.width;
          kept += inside ? 0 : 1;
          expect(mixed[2]![i]![j]).toEqual(source[inside ? mixing.partner[2]! : 2]![i]![j]);
        }
      }
      expect(mixing.share).toBeCloseTo(kept / 48, 12);
    }
    expectTransposed((v) => mixImages(v, drawCutmix(foldIn(key, 1), 5, 8, 6)), x);
  });

  it("refuses a mixing for another batch", () => {
    expect(() => mixImages(images(2, 2, 2, 1), drawMixup(key, 3))).toThrow(
      "mixImages: the mixing must be for 2 images, got one for 3",
    );
  });
});
