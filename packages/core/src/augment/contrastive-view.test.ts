import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { describe, expect, it } from "vitest";
import { testWithoutLeaks } from "../testing/without-leaks.ts";
import { pixelSpace } from "../dataset/pixel-space.ts";
import { availableBackEnds } from "../grad/testing/back-ends.ts";
import { uniform } from "../random/draw.ts";
import { foldIn, keyFromSeed } from "../random/key.ts";
import { hueRotation } from "./colour.ts";
import { contrastiveView, type ContrastiveViewOptions } from "./contrastive-view.ts";

const normalisation = { kind: "mean-std", mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] } as const;
const key = keyFromSeed("views");
const nothing: ContrastiveViewOptions = {
  key,
  smallestCrop: 1,
  colourStrength: 0,
  greyProbability: 0,
  flip: false,
  normalisation: pixelSpace(3),
};
const backEnds = await availableBackEnds();

testWithoutLeaks();

/** Pixels in 0 … 1. */
const pictures = (n: number, side = 6, channels = 3): tf.Tensor4D =>
  tf.tensor4d(uniform(keyFromSeed(`${n} ${side}`), n * side * side * channels), [n, side, side, channels]);
const numbers = (x: tf.Tensor): number[] => Array.from(x.dataSync());
const furthest = (a: tf.Tensor, b: tf.Tensor): number => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;

describe("contrastiveView", () => {
  it("leaves images alone where nothing is asked for", () => {
    const x = pictures(5);
    expect(furthest(contrastiveView(x, nothing), x)).toBeLessThan(1e-6);
  });

  it("depends on the key alone; another key gives another view of every image", () => {
    const x = pictures(8);
    const all = { ...nothing, smallestCrop: 0.2, colourStrength: 1, greyProbability: 0.2, flip: true };
    const first = contrastiveView(x, all);
    expect(numbers(contrastiveView(x, all))).toEqual(numbers(first));
    const other = contrastiveView(x, { ...all, key: foldIn(key, 1) });
    const moved = numbers(tf.max(tf.abs(tf.sub(first, other)), [1, 2, 3]));
    expect(Math.min(...moved)).toBeGreaterThan(0.01);
  });

  it("draws crop, flip, colours and grey for each image", () => {
    const x = tf.tile(pictures(1), [40, 1, 1, 1]) as tf.Tensor4D;
    const differing = (options: Partial<ContrastiveViewOptions>): number => {
      const y = contrastiveView(x, { ...nothing, ...options });
      const rows = tf.unstack(y).map((row) =>
        numbers(row)
          .map((value) => value.toFixed(5))
          .join(),
      );
      return new Set(rows).size;
    };
    expect(differing({ smallestCrop: 0.2 })).toBeGreaterThan(20);
    expect(differing({ flip: true })).toBe(2);
    expect(differing({ greyProbability: 0.5 })).toBe(2);
    // About a fifth of the images keep their colours.
    const distinct = differing({ colourStrength: 0.5 });
    expect(distinct).toBeGreaterThan(24);
    expect(distinct).toBeLessThan(40);
  });

  it("takes the colours of the share that was asked for, and keeps 0 … 1", () => {
    const grey = contrastiveView(pictures(6), { ...nothing, greyProbability: 1 });
    const [red, green, blue] = tf.unstack(grey, 3) as [tf.Tensor, tf.Tensor, tf.Tensor];
    expect(furthest(red, green)).toBeLessThan(1e-6);
    expect(furthest(red, blue)).toBeLessThan(1e-6);
    const x = pictures(200, 2);
    const half = contrastiveView(x, { ...nothing, greyProbability: 0.2 });
    const lost = numbers(tf.max(tf.abs(tf.sub(half, x)), [1, 2, 3])).filter((moved) => moved > 1e-4).length;
    // Binomial, 200 draws of 0.2: 40 ± 5.7.
    expect(Math.abs(lost - 40)).toBeLessThan(20);
    const strong = contrastiveView(x, { ...nothing, colourStrength: 1 });
    expect(Math.min(...numbers(strong))).toBe(0);
    expect(Math.max(...numbers(strong))).toBe(1);
  });

  it("changes colours where they are seen, whatever the normalisation", () => {
    const x = pictures(4);
    const options = { ...nothing, colourStrength: 0.5, greyProbability: 0.5 };
    const [mean, std] = [tf.tensor1d([...normalisation.mean]), tf.tensor1d([...normalisation.std])];
    const normalised = contrastiveView(tf.div(tf.sub(x, mean), std), { ...options, normalisation });
    const back = tf.add(tf.mul(normalised, std), mean);
    expect(furthest(back, contrastiveView(x, options))).toBeLessThan(1e-5);
  });

  it("gives pictures of one channel brightness and contrast", () => {
    const x = pictures(30, 6, 1);
    const y = contrastiveView(x, {
      ...nothing,
      colourStrength: 0.5,
      greyProbability: 0.5,
      normalisation: pixelSpace(1),
    });
    expect(y.shape).toEqual(x.shape);
    expect(furthest(y, x)).toBeGreaterThan(0.1);
  });

  it.each(backEnds)("has the same views on %s", async (backEnd) => {
    const all = { ...nothing, smallestCrop: 0.2, colourStrength: 1, greyProbability: 0.2, flip: true };
    const wanted = numbers(contrastiveView(pictures(5), all));
    await tf.setBackend(backEnd);
    const got = tf.tidy(() => numbers(contrastiveView(pictures(5), all)));
    await tf.setBackend("cpu");
    expect(Math.max(...wanted.map((value, i) => Math.abs(value - got[i]!)))).toBeLessThan(1e-5);
  });
});

describe("hueRotation", () => {
  it("takes red to green by a third of a turn and back to red by a whole one", () => {
    const red = tf.tensor4d([1, 0, 0], [1, 1, 1, 3]);
    const turned = (turn: number): number[] =>
      numbers(hueRotation(red, Float32Array.of(turn))).map((value) => Math.round(value * 1e5) / 1e5 + 0);
    expect(turned(1 / 3)).toEqual([0, 1, 0]);
    expect(turned(-1 / 3)).toEqual([0, 0, 1]);
    expect(turned(1)).toEqual([1, 0, 0]);
    // Half a turn: (2m − x) with m the grey of the same brightness.
    expect(turned(0.5)).toEqual([-0.33333, 0.66667, 0.66667]);
  });

  it("turns every image by its own angle, keeps brightness, and is the identity without three channels", () => {
    const x = pictures(3);
    const y = hueRotation(x, Float32Array.of(0, 0.1, -0.3));
    expect(furthest(tf.mean(y, 3), tf.mean(x, 3))).toBeLessThan(1e-6);
    const moved = numbers(tf.max(tf.abs(tf.sub(y, x)), [1, 2, 3]));
    expect(moved[0]).toBeLessThan(1e-6);
    expect(Math.min(moved[1]!, moved[2]!)).toBeGreaterThan(0.05);
    const grey = pictures(2, 4, 1);
    expect(numbers(hueRotation(grey, Float32Array.of(0.1, 0.2)))).toEqual(numbers(grey));
  });
});
