import { expect, it } from "vitest";
import { ConfigError } from "../errors.ts";
import { classSubset } from "./class-subset.ts";
import { toyDataset } from "../testing/toy-dataset.ts";

it("keeps the images of the named classes and counts their labels in the given order", () => {
  const dataset = toyDataset({ perClass: 4, shape: [2, 2, 1] });
  const subset = classSubset(dataset, [2, 0]);
  expect(subset.classes).toEqual([dataset.classes[2], dataset.classes[0]]);
  expect(subset.train.size).toBe(8);
  expect(subset.sha256).not.toBe(dataset.sha256);
  expect(subset.sha256).not.toBe(classSubset(dataset, [0, 2]).sha256);
  const originals = [2, 0];
  for (let i = 0; i < subset.train.size; i++) {
    const pixels = subset.train.read([i]);
    const original = dataset.train.labels.findIndex(
      (label, position) =>
        label === originals[subset.train.labels[i]!] &&
        Buffer.from(dataset.train.read([position])).equals(Buffer.from(pixels)),
    );
    expect(original).toBeGreaterThanOrEqual(0);
  }
  expect([...subset.test.labels].every((label) => label === 0 || label === 1)).toBe(true);
});

it("names what it cannot take", () => {
  const dataset = toyDataset();
  expect(() => classSubset(dataset, [])).toThrow(
    new ConfigError("classSubset: wanted at least one class, got none"),
  );
  expect(() => classSubset(dataset, [0, 7])).toThrow("classSubset: labels must be from 0 to 2, got 7");
  expect(() => classSubset(dataset, [1, 1])).toThrow("classSubset: label 1 is named twice");
});
