import { describe, expect, it } from "vitest";
import { requireImagesPerClass } from "./require-images-per-class.ts";

const labels = Int32Array.of(0, 0, 0, 1, 1, 2, 2, 2);
const dataset = {
  name: "pets",
  classes: ["cat", "dog", "fish"],
  train: { size: 8, labels, read: () => new Uint8Array(0) },
};

describe("requireImagesPerClass", () => {
  it("accepts what every class has", () => {
    expect(() => requireImagesPerClass(dataset, 2)).not.toThrow();
  });

  it("names the classes that have fewer", () => {
    expect(() => requireImagesPerClass(dataset, 3)).toThrowErrorMatchingInlineSnapshot(
      `[DataError: pets: wanted at least 3 training images of every class, got fewer of 1: "dog" has 2; lower ipc or add images]`,
    );
    expect(() => requireImagesPerClass(dataset, 10)).toThrowErrorMatchingInlineSnapshot(
      `[DataError: pets: wanted at least 10 training images of every class, got fewer of 3: "cat" has 3, "dog" has 2, "fish" has 3; lower ipc or add images]`,
    );
  });

  it("refuses counts that are none", () => {
    expect(() => requireImagesPerClass(dataset, 0)).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: ipc: wanted an integer from 1 up, got 0]`,
    );
    expect(() => requireImagesPerClass(dataset, 1.5)).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: ipc: wanted an integer from 1 up, got 1.5]`,
    );
  });
});
