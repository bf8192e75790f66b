import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, expect, it } from "vitest";
import { useBackend } from "../engine/engine.ts";
import { ensureGradients } from "../grad/ensure-gradients.ts";
import { toyDataset } from "../testing/toy-dataset.ts";
import type { Normalisation } from "./image-dataset.ts";
import { imagePixels, normaliseImages, pixelSpace } from "./pixel-space.ts";
import { realImages } from "./real-images.ts";

beforeEach(async () => {
  await useBackend("cpu");
  ensureGradients();
  tf.engine().startScope();
});
afterEach(() => tf.engine().endScope());

const shape = [4, 4, 3] as const;
const whitening: Normalisation = {
  kind: "zca",
  mean: Float32Array.from({ length: 48 }, (_, i) => 0.01 * i),
  whiten: Float32Array.from({ length: 48 * 48 }, (_, i) => Math.sin(i)),
  unwhiten: new Float32Array(48 * 48),
};
const constants: Normalisation = { kind: "mean-std", mean: [0.1, 0.2, 0.3], std: [0.5, 0.25, 2] };

it.each([constants, whitening])("gives what the real images have, $kind", (normalisation) => {
  const dataset = toyDataset({ shape });
  const pixels = realImages(dataset, pixelSpace(3)).read([0, 5]);
  const values = pixels.dataSync();
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...values)).toBeLessThanOrEqual(1);
  const expected = realImages(dataset, normalisation).read([0, 5]).dataSync();
  normaliseImages(pixels, normalisation)
    .dataSync()
    .forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
});

it("has the derivative 1/std, and refuses constants of other shapes", () => {
  const gradient = tf.grad((x: tf.Tensor) => tf.sum(normaliseImages(x as tf.Tensor4D, constants)));
  expect(Array.from(gradient(tf.zeros([1, 1, 1, 3])).dataSync())).toEqual([2, 4, 0.5]);
  expect(() => normaliseImages(tf.zeros([1, 2, 2, 1]), constants)).toThrow(
    "normalisation: wanted 1 means and 1 positive standard deviations",
  );
});

it("comes back from network input, unclamped", () => {
  // A whitening that is easy to invert: every value doubled and moved by one place.
  const turn = (factor: number, by: number): Float32Array =>
    Float32Array.from({ length: 48 * 48 }, (_, i) =>
      i % 48 === (Math.floor(i / 48) + by) % 48 ? factor : 0,
    );
  const moved: Normalisation = {
    kind: "zca",
    mean: Float32Array.from({ length: 48 }, (_, i) => 0.01 * i),
    whiten: turn(2, 1),
    unwhiten: turn(0.5, 47),
  };
  const pixels = tf.tensor4d(
    Float32Array.from({ length: 96 }, (_, i) => 3 * Math.sin(i)),
    [2, ...shape],
  );
  for (const normalisation of [constants, moved]) {
    const back = imagePixels(normaliseImages(pixels, normalisation), normalisation).dataSync();
    pixels.dataSync().forEach((value, i) => expect(back[i]).toBeCloseTo(value, 5));
  }
});
