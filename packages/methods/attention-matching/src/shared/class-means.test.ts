import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "@limbeck/core";
import { classMeans, squaredMeanDistance } from "./class-means.ts";

beforeAll(async () => {
  await useBackend("cpu");
  tf.engine().startScope();
});
afterAll(() => tf.engine().endScope());

describe("classMeans", () => {
  it("averages neighbouring rows", () => {
    const rows = tf.tensor2d([1, 2, 3, 4, 10, 20, 30, 40], [4, 2]);
    expect(Array.from(classMeans(rows, 2).dataSync())).toEqual([2, 3, 20, 30]);
  });

  it("does not depend on the order inside a class", () => {
    const rows = tf.tensor2d([3, 4, 1, 2, 30, 40, 10, 20], [4, 2]);
    expect(Array.from(classMeans(rows, 2).dataSync())).toEqual([2, 3, 20, 30]);
  });

  it("names the shape that does not fit", () => {
    expect(() => classMeans(tf.zeros([5, 2]), 2)).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: classMeans: \`rows\` must hold a multiple of 2 rows, got [5,2]]`,
    );
  });
});

describe("squaredMeanDistance", () => {
  it("sums squares over classes and dimensions", () => {
    const distance = squaredMeanDistance(
      tf.tensor2d([
        [1, 2],
        [3, 4],
      ]),
      tf.tensor2d([
        [0, 0],
        [1, 1],
      ]),
    );
    expect(distance.dataSync()[0]).toBe(1 + 4 + 4 + 9);
  });

  it("has gradient 2 (synthetic − real)", () => {
    const real = tf.tensor2d([[1, 2]]);
    const gradient = tf.grad((synthetic: tf.Tensor) => squaredMeanDistance(real, synthetic))(
      tf.tensor2d([[4, -1]]),
    );
    expect(Array.from(gradient.dataSync())).toEqual([6, -6]);
  });

  it("refuses different shapes", () => {
    expect(() => squaredMeanDistance(tf.zeros([2, 3]), tf.zeros([2, 4]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: squaredMeanDistance: \`synthetic\` must have the shape of \`real\` [2,3], got [2,4]]`,
    );
  });
});
