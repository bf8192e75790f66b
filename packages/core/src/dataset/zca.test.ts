import { readFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, describe, expect, it } from "vitest";
import type { ImageShape } from "./image-dataset.ts";
import { denormaliseImages, normalisePixels } from "./normalise.ts";
import { realImages } from "./real-images.ts";
import { memorySplit, toyDataset } from "../testing/toy-dataset.ts";
import { fitZca } from "./zca.ts";

interface Fixture {
  readonly shape: ImageShape;
  readonly epsilon: number;
  readonly pixels: number[];
  readonly mean: number[];
  readonly whiten: number[];
  readonly unwhiten: number[];
  readonly first: number[];
}
const fixture = JSON.parse(
  readFileSync(new URL("../../fixtures/pytorch/zca.json", import.meta.url), "utf8"),
) as Fixture;
const pixels = Uint8Array.from(fixture.pixels);
const split = memorySplit(pixels, new Int32Array(40), 12);

/** Ten iterations of 12 × 12 products of numbers near 1. */
const F32_ITERATION_ATOL = 2e-5;

const close = (got: ArrayLike<number>, wanted: readonly number[]): void => {
  expect(got).toHaveLength(wanted.length);
  wanted.forEach((value, i) => expect(Math.abs(got[i]! - value)).toBeLessThan(F32_ITERATION_ATOL));
};

beforeAll(() => tf.setBackend("cpu"));

describe("fitZca", () => {
  it("equals kornia's whitening, by eigenvalues in float64, and leaks nothing", async () => {
    const before = tf.memory().numTensors;
    const zca = await fitZca(split, fixture.shape, { epsilon: fixture.epsilon });
    expect(tf.memory().numTensors).toBe(before);
    close(zca.mean, fixture.mean);
    close(zca.whiten, fixture.whiten);
    close(zca.unwhiten, fixture.unwhiten);
    const images = normalisePixels(pixels, fixture.shape, zca);
    close(images.dataSync().slice(0, 12), fixture.first);
    expect(Array.from(denormaliseImages(images.dataSync() as Float32Array, fixture.shape, zca))).toEqual(
      fixture.pixels,
    );
    images.dispose();
  });

  it("whitens: the covariance of the result is W·C·W = I − ε·W²", async () => {
    const epsilon = 0.01;
    const zca = await fitZca(split, fixture.shape, { epsilon });
    const error = tf.tidy(() => {
      const rows = tf.reshape(normalisePixels(pixels, fixture.shape, zca), [40, 12]);
      const w = tf.tensor2d(zca.whiten, [12, 12]);
      const expected = tf.sub(tf.eye(12), tf.mul(tf.matMul(w, w), epsilon));
      return tf.max(tf.abs(tf.sub(tf.div(tf.matMul(rows, rows, true), 39), expected))).dataSync()[0]!;
    });
    expect(error).toBeLessThan(1e-3);
  });

  it("of standardised pixels: the covariance after it is I − ε·W², and it turns back to the pixels", async () => {
    const [epsilon, std] = [0.1, Array.from({ length: fixture.shape[2] }, (_, c) => 0.2 + 0.05 * c)];
    const zca = await fitZca(split, fixture.shape, { epsilon, std });
    const plain = await fitZca(split, fixture.shape, { epsilon });
    const size = zca.mean.length;
    const error = tf.tidy(() => {
      const rows = tf.reshape(normalisePixels(pixels, fixture.shape, zca), [40, size]);
      // W in standardised space.
      const scale = tf.tensor2d(
        zca.mean.map((_, i) => std[i % fixture.shape[2]]!),
        [size, 1],
      );
      const w = tf.mul(tf.tensor2d(zca.whiten, [size, size]), scale);
      const expected = tf.sub(tf.eye(size), tf.mul(tf.matMul(w, w), epsilon));
      return tf.max(tf.abs(tf.sub(tf.div(tf.matMul(rows, rows, true), 39), expected))).dataSync()[0]!;
    });
    expect(error).toBeLessThan(1e-3);
    const images = normalisePixels(pixels, fixture.shape, zca).dataSync() as Float32Array;
    expect(Array.from(denormaliseImages(images, fixture.shape, zca))).toEqual(fixture.pixels);
    const squares = (values: Float32Array): number => values.reduce((sum, value) => sum + value * value, 0);
    expect(squares(images)).toBeGreaterThan(
      1.5 * squares(normalisePixels(pixels, fixture.shape, plain).dataSync() as Float32Array),
    );
    await expect(fitZca(split, fixture.shape, { std: [1] })).rejects.toThrow("fitZca: std must be");
  });

  it("names what it cannot work with", async () => {
    await expect(fitZca(split, fixture.shape, { epsilon: 0 })).rejects.toThrow(
      "fitZca: epsilon must be positive, got 0",
    );
    await expect(fitZca(memorySplit(pixels, new Int32Array(1), 12), fixture.shape)).rejects.toThrow(
      "fitZca: wanted at least 2 images, got 1",
    );
  });

  it("serves the training images of a data set, the same bits for any batch", async () => {
    const dataset = toyDataset({ perClass: 200, shape: [3, 3, 1] });
    const zca = await fitZca(dataset.train, dataset.shape);
    const real = realImages(dataset, zca);
    const before = tf.memory().numTensors;
    const [few, many] = [real.read([597, 3]), real.read([1, 2, 3, 597])];
    expect(few.shape).toEqual([2, 3, 3, 1]);
    expect(few.dataSync().slice(0, 9)).toEqual(many.dataSync().slice(27));
    const direct = normalisePixels(dataset.train.read([3]), dataset.shape, zca);
    close(few.dataSync().slice(9), Array.from(direct.dataSync()));
    expect(() => real.read([600])).toThrow("read: index must be from 0 to 599, got 600");
    tf.dispose([few, many, direct]);
    expect(tf.memory().numTensors).toBe(before);
  });
});
