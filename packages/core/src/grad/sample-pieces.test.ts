import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { useBackend } from "../engine/engine.ts";
import { samplesAtOnce, underSamplesAtOnce } from "../engine/samples-at-once.ts";
import { meanOverPieces, pieceRows, rowsOverPieces, samplePieces, samplesTogether } from "./sample-pieces.ts";

const plain = { usesBatchStatistics: false };
const batchNormalised = { usesBatchStatistics: true };

let before = 0;
beforeAll(async () => {
  await useBackend("cpu");
});
beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors).toBe(before);
});

it("leaves a batch whole where there is no bound, or it is kept", () => {
  expect(samplesAtOnce()).toBe(Infinity);
  const whole = [{ from: 0, to: 10, share: 1 }];
  expect(samplePieces(plain, 10)).toEqual(whole);
  expect(underSamplesAtOnce(10, () => samplePieces(plain, 10))).toEqual(whole);
  const rows = tf.zeros([10, 2]);
  expect(pieceRows(rows, whole[0]!)).toBe(rows);
  rows.dispose();
});

it("cuts a larger one into few pieces of nearly equal size, whose shares add up", () => {
  const pieces = underSamplesAtOnce(4, () => samplePieces(plain, 10));
  expect(pieces.map(({ from, to }) => [from, to])).toEqual([
    [0, 3],
    [3, 6],
    [6, 10],
  ]);
  expect(pieces.map(({ share }) => share)).toEqual([0.3, 0.3, 0.4]);
  expect(underSamplesAtOnce(4, () => samplesTogether(plain, 10))).toBe(4);
  expect(underSamplesAtOnce(1, () => samplePieces(plain, 3))).toHaveLength(3);
  expect(samplesAtOnce()).toBe(Infinity);
});

it("does not cut what batch normalisation couples, but what fixed statistics do not", () => {
  expect(underSamplesAtOnce(4, () => samplePieces(batchNormalised, 10))).toHaveLength(1);
  const fixed = { mean: [], variance: [] };
  expect(underSamplesAtOnce(4, () => samplePieces(batchNormalised, 10, fixed))).toHaveLength(3);
  expect(underSamplesAtOnce(4, () => samplesTogether(batchNormalised, 10, "frozen"))).toBe(4);
});

it("adds up the means of uneven pieces to the mean of the batch, and puts rows back in order", () => {
  const rows = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8, 9, 20], [5, 2]);
  underSamplesAtOnce(2, () => {
    const pieces = samplePieces(plain, 5);
    const [mean, count] = meanOverPieces(pieces, (piece) => {
      const own = pieceRows(rows, piece);
      return [tf.mean<tf.Tensor1D>(own, 0), tf.scalar(own.shape[0])] as const;
    });
    expect(Array.from(mean.dataSync())).toEqual([5, 8]);
    // 1, 2 and 2 rows: a mean of sizes, weighted by them.
    expect(count.dataSync()[0]).toBeCloseTo(0.2 * 1 + 0.4 * 2 + 0.4 * 2, 6);
    const doubled = rowsOverPieces(pieces, (piece) => tf.mul<tf.Tensor2D>(pieceRows(rows, piece), 2));
    expect(Array.from(doubled.dataSync())).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18, 40]);
    tf.dispose([mean, count, doubled]);
  });
  rows.dispose();
});

it("frees what a piece has made when a later one fails", () => {
  const failing = (): void => {
    meanOverPieces(
      underSamplesAtOnce(1, () => samplePieces(plain, 2)),
      (piece) => {
        if (piece.from === 1) throw new Error("stopped");
        return [tf.ones([3])];
      },
    );
  };
  expect(failing).toThrow("stopped");
});
