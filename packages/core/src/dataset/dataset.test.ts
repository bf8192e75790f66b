import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, describe, expect, it } from "vitest";
import { keyFromSeed } from "../random/key.ts";
import { denormaliseImages, normalisePixels } from "./normalise.ts";
import { classPositions, realImages } from "./real-images.ts";
import { stratifiedSplit, subsetOfSplit } from "./split.ts";
import { toyDataset } from "../testing/toy-dataset.ts";

beforeAll(() => tf.setBackend("cpu"));

const values = (tensor: tf.Tensor): number[] => {
  const out = Array.from(tensor.dataSync());
  tensor.dispose();
  return out;
};

describe("normalisePixels", () => {
  it("gives the known values of black and white MNIST and Fashion-MNIST pixels", () => {
    const pair = Uint8Array.from([0, 255]);
    const mnist = normalisePixels(pair, [1, 2, 1], { kind: "mean-std", mean: [0.1307], std: [0.3081] });
    expect(values(mnist)).toEqual([expect.closeTo(-0.4242, 4), expect.closeTo(2.8215, 4)]);
    const fashion = normalisePixels(pair, [1, 2, 1], { kind: "mean-std", mean: [0.2861], std: [0.353] });
    expect(values(fashion)).toEqual([expect.closeTo(-0.8105, 4), expect.closeTo(2.0224, 4)]);
  });

  it("treats channels apart, and denormaliseImages takes it back exactly, clamping what leaves the range", () => {
    const normalisation = { kind: "mean-std", mean: [0.1, 0.5], std: [0.2, 0.4] } as const;
    const pixels = Uint8Array.from({ length: 2 * 256 }, (_, i) => i >> 1);
    const images = normalisePixels(pixels, [16, 16, 2], normalisation);
    expect(images.shape).toEqual([1, 16, 16, 2]);
    const floats = values(images);
    expect(floats[2 * 51]).toBeCloseTo((0.2 - 0.1) / 0.2, 6);
    expect(floats[2 * 51 + 1]).toBeCloseTo((0.2 - 0.5) / 0.4, 6);
    expect(Uint8Array.from(denormaliseImages(Float32Array.from(floats), [16, 16, 2], normalisation))).toEqual(
      pixels,
    );
    expect(Array.from(denormaliseImages(Float32Array.from([9, -9]), [1, 1, 2], normalisation))).toEqual([
      255, 0,
    ]);
  });

  it("names what does not fit", () => {
    const pixels = new Uint8Array(5);
    expect(() => normalisePixels(pixels, [1, 2, 1], { kind: "mean-std", mean: [0], std: [1] })).toThrow(
      "normalisePixels: wanted whole images of [1,2,1], got 5 values",
    );
    expect(() => normalisePixels(pixels, [1, 1, 1], { kind: "mean-std", mean: [0], std: [0] })).toThrow(
      "normalisation: wanted 1 means and 1 positive standard deviations, got [0] and [0]",
    );
  });
});

describe("realImages", () => {
  it("finds classes and reads normalised images in the given order", () => {
    const dataset = toyDataset({ perClass: 20, shape: [4, 4, 3] });
    const real = realImages(dataset);
    expect(Array.from(real.ofClass(1).slice(0, 3))).toEqual([1, 4, 7]);
    expect(real.ofClass(1)).toBe(real.ofClass(1));
    const expected = [5, 0].flatMap((i) =>
      values(normalisePixels(dataset.train.read([i]), dataset.shape, dataset.normalisation)),
    );
    expect(values(real.read([5, 0]))).toEqual(expected);
    expect(() => real.ofClass(3)).toThrow("toy: class must be from 0 to 2, got 3");
  });

  it("refuses labels outside the classes", () => {
    expect(() => classPositions([0, 1, 2], 2)).toThrow("labels: must be from 0 to 1, got 2 at position 2");
  });
});

describe("stratifiedSplit", () => {
  const labels = Array.from({ length: 100 }, (_, i) => (i < 40 ? 0 : 1));

  it("takes the fraction of every class, disjoint and complete, by the key", () => {
    const { train, validation } = stratifiedSplit(labels, 0.05, keyFromSeed(0));
    expect(validation.filter((i) => labels[i] === 0)).toHaveLength(2);
    expect(validation.filter((i) => labels[i] === 1)).toHaveLength(3);
    expect([...train, ...validation].sort((a, b) => a - b)).toEqual(labels.map((_, i) => i));
    expect(stratifiedSplit(labels, 0.05, keyFromSeed(0)).validation).toEqual(validation);
    expect(stratifiedSplit(labels, 0.05, keyFromSeed(1)).validation).not.toEqual(validation);
    expect(() => stratifiedSplit(labels, 1, keyFromSeed(0))).toThrow(
      "stratifiedSplit: fraction must be between 0 and 1, got 1",
    );
  });
});

describe("subsetOfSplit", () => {
  it("renumbers images", () => {
    const { train } = toyDataset({ perClass: 20, shape: [4, 4, 3] });
    const subset = subsetOfSplit(train, [7, 2]);
    expect(subset.size).toBe(2);
    expect(Array.from(subset.labels)).toEqual([train.labels[7], train.labels[2]]);
    expect(subset.read([1, 0])).toEqual(train.read([2, 7]));
    expect(() => subset.read([2])).toThrow("read: index must be from 0 to 1, got 2");
  });
});
