import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, describe, expect, it } from "vitest";
import { hashSyntheticSet } from "./hash-set.ts";
import { denormalise, setImages, setLabels } from "./set-tensors.ts";
import type { SyntheticSet } from "./synthetic-set.ts";
import { validateSyntheticSet } from "./validate-set.ts";

beforeAll(() => tf.setBackend("cpu"));

type Content = Omit<SyntheticSet, "provenance">;
const set: Content = {
  images: Float32Array.from([0, 1, -1, 0.5]),
  size: 2,
  shape: [1, 2, 1],
  classes: ["a", "b", "c"],
  labels: { kind: "hard", values: Int32Array.from([2, 0]) },
  normalisation: { kind: "mean-std", mean: [0.5], std: [0.25] },
  augmentation: "none",
};
const soft = (values: number[], space: "probabilities" | "logits"): Content => ({
  ...set,
  labels: { kind: "soft", values: Float32Array.from(values), space },
});
const values = (tensor: tf.Tensor): number[] => {
  const out = Array.from(tensor.dataSync());
  tensor.dispose();
  return out;
};

describe("tensors of a set", () => {
  it("are its images and one-hot or soft labels", () => {
    expect(values(setImages(set))).toEqual([0, 1, -1, 0.5]);
    expect(values(setLabels(set))).toEqual([0, 0, 1, 1, 0, 0]);
    const halves = [0.5, 0.5, 0, 0, 0.25, 0.75];
    expect(values(setLabels(soft(halves, "probabilities")))).toEqual(halves);
    const probabilities = values(setLabels(soft([0, 0, 0, 0, Math.log(2), 0], "logits")));
    [1 / 3, 1 / 3, 1 / 3, 1 / 4, 1 / 2, 1 / 4].forEach((p, i) => expect(probabilities[i]).toBeCloseTo(p, 6));
  });

  it("are decoded where the set has a factor", () => {
    const two: Content = {
      ...set,
      size: 1,
      shape: [2, 2, 1],
      labels: { kind: "hard", values: Int32Array.of(2) },
    };
    const decoded = setImages({ ...two, factor: 2 });
    expect(decoded.shape).toEqual([4, 2, 2, 1]);
    expect(values(decoded)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, -1, -1, -1, -1, 0.5, 0.5, 0.5, 0.5]);
    const rows = setLabels({ ...two, factor: 2 });
    expect(rows.shape).toEqual([4, 3]);
    expect(values(rows)).toEqual([0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1]);
    expect(denormalise({ ...two, factor: 2 } as Content)).toHaveLength(4);
  });

  it("as pictures are rounded and clamped", () => {
    expect(Array.from(denormalise(set))).toEqual([128, 191, 64, 159]);
    expect(Array.from(denormalise({ ...set, images: Float32Array.from([9, -9, 0, 0]) }).slice(0, 2))).toEqual(
      [255, 0],
    );
  });
});

describe("validateSyntheticSet", () => {
  it("accepts whole sets", () => {
    validateSyntheticSet(set);
    validateSyntheticSet({ ...soft([0, 1, 0, 0, 0, 1], "probabilities"), stepSize: 0.01 });
  });

  it.each<[string, Partial<Content>]>([
    ["set.arrow: images must hold 2 × [1,2,1] = 4 numbers, got 3", { images: new Float32Array(3) }],
    [
      "set.arrow: images must be finite, got NaN in image 1",
      { images: Float32Array.from([0, 0, Number.NaN, 0]) },
    ],
    ["set.arrow: size must be a whole number of at least 1, got 0", { size: 0 }],
    ["set.arrow: wanted 2 labels, got 1", { labels: { kind: "hard", values: new Int32Array(1) } }],
    [
      "set.arrow: labels must be from 0 to 2, got 3 for image 1",
      { labels: { kind: "hard", values: Int32Array.of(0, 3) } },
    ],
    ["set.arrow: soft labels must hold 2 × 3 = 6 numbers, got 4", soft([0, 0, 0, 0], "logits")],
    [
      "set.arrow: soft labels must be finite, got Infinity for image 1",
      soft([0, 0, 0, 0, 0, Infinity], "logits"),
    ],
    ["set.arrow: stepSize must be positive, got -1", { stepSize: -1 }],
    [
      "set.arrow: factor must be absent or a whole number from 2 to 1, the side of the images, got 2",
      { factor: 2 },
    ],
    ["normalisation: wanted 1 means", { normalisation: { kind: "mean-std", mean: [0, 0], std: [1, 1] } }],
  ])("refuses: %s", (message, change) => {
    expect(() => validateSyntheticSet({ ...set, ...change }, "set.arrow")).toThrow(message);
  });
});

describe("hashSyntheticSet", () => {
  it("is pinned: records name sets by it", () => {
    expect(hashSyntheticSet(set)).toMatchInlineSnapshot(
      `"1c8f4cb67242538e792d6c33d3debcc0593de29c53069f9df031a57f4a51a037"`,
    );
  });

  it("changes with everything that training sees, and with nothing else", () => {
    const variants: Content[] = [
      set,
      { ...set, images: Float32Array.from([0, 1, -1, 0.25]) },
      { ...set, labels: { kind: "hard", values: Int32Array.of(2, 1) } },
      soft([0, 0, 1, 1, 0, 0], "probabilities"),
      soft([0, 0, 1, 1, 0, 0], "logits"),
      { ...set, classes: ["a", "b", "d"] },
      { ...set, normalisation: { kind: "mean-std", mean: [0.5], std: [0.5] } },
      { ...set, augmentation: "flip" },
      { ...set, stepSize: 0.1 },
      { ...set, factor: 2 },
      { ...set, shape: [2, 1, 1] },
    ];
    expect(new Set(variants.map(hashSyntheticSet)).size).toBe(variants.length);
    const moved = new Float32Array(9).subarray(3, 7);
    moved.set(set.images);
    expect(hashSyntheticSet({ ...set, images: moved })).toBe(hashSyntheticSet(set));
  });
});
