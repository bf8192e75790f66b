import { describe, expect, test } from "vitest";
import { normal } from "../random/draw.ts";
import { keyFromSeed } from "../random/key.ts";
import { float16Bits, float16Value } from "./float16.ts";
import {
  centreScores,
  codecName,
  decodeLabelRecords,
  encodeLabelRecords,
  labelBytes,
  parseCodec,
} from "./label-codec.ts";

describe("half floats", () => {
  test("every one of them comes back with its bits", () => {
    const changed = Array.from({ length: 0x10000 }, (_, half) => half).filter((half) => {
      const value = float16Value(half);
      return !Number.isNaN(value) && float16Bits(value) !== half;
    });
    expect(changed).toEqual([]);
    expect(float16Value(float16Bits(Number.NaN))).toBeNaN();
  });

  test("rounding is to the nearest, ties to even", () => {
    // Between 2048 and 4096 the step is 2; below 2^-14 it is 2^-24.
    const nearest = [2049, 2051, 2049.001, 65519, 65520, 2 ** -25, 1.5 * 2 ** -24, -1 / 3].map((x) =>
      float16Value(float16Bits(x)),
    );
    expect(nearest).toEqual([2048, 2052, 2050, 65504, Infinity, 0, 2 ** -23, -0.333251953125]);
  });
});

const CLASSES = 7;
const scores = centreScores(
  Float32Array.from(normal(keyFromSeed(3), 4 * CLASSES), (x) => 5 * x + 2),
  CLASSES,
);
const decoded = (name: string): Float32Array => {
  const codec = parseCodec(name);
  const bytes = encodeLabelRecords(codec, scores, CLASSES);
  expect(bytes).toHaveLength(4 * labelBytes(codec, CLASSES));
  return decodeLabelRecords(codec, bytes, CLASSES);
};
const rowsOf = (values: Float32Array): number[][] =>
  [0, 1, 2, 3].map((n) => [...values.subarray(n * CLASSES, (n + 1) * CLASSES)]);
const probabilities = (row: readonly number[], temperature: number): number[] => {
  const weights = row.map((z) => Math.exp((z - Math.max(...row)) / temperature));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
};

test("centring leaves the soft-max and takes the mean", () => {
  for (const row of rowsOf(scores)) expect(Math.abs(row.reduce((a, b) => a + b))).toBeLessThan(1e-5);
});

test("bytes of a label, as the formulas say", () => {
  const bytes = (name: string, classes: number) => labelBytes(parseCodec(name), classes);
  expect(
    ["float32", "float16", "int8", "int4", "top10", "top10-even"].map((name) => bytes(name, 100)),
  ).toEqual([400, 200, 104, 54, 30, 32]);
  expect(bytes("int4", 7)).toBe(8);
  expect(bytes("top10", 1000)).toBe(40);
});

test("float32 keeps every bit, float16 eleven of them", () => {
  expect(decoded("float32")).toEqual(scores);
  decoded("float16").forEach((value, i) => {
    expect(Math.abs(value - scores[i]!)).toBeLessThanOrEqual(Math.abs(scores[i]!) * 2 ** -11);
  });
});

test.each([
  ["int8", 127],
  ["int4", 7],
])("%s is off by at most half a step of the largest magnitude / %d", (name, steps) => {
  const values = decoded(name);
  let largest = 0;
  for (const [n, row] of rowsOf(scores).entries()) {
    const half = Math.max(...row.map(Math.abs)) / steps / 2;
    row.forEach((score, i) => {
      const error = Math.abs(values[n * CLASSES + i]! - score);
      expect(error).toBeLessThanOrEqual(half * (1 + 1e-5));
      largest = Math.max(largest, error / half);
    });
  }
  // Not by much less either: the scale is the row's own.
  expect(largest).toBeGreaterThan(0.6);
});

test("top: the largest scores stay, the rest has no probability, the smallest score, or an even share", () => {
  const [none, minimum, even] = ["top3", "top3-minimum", "top3-even"].map((name) => rowsOf(decoded(name)));
  for (const [n, row] of rowsOf(scores).entries()) {
    const kept = [...row.keys()].sort((a, b) => row[b]! - row[a]!).slice(0, 3);
    for (const [i, score] of row.entries()) {
      for (const rows of [none, minimum, even]) {
        if (kept.includes(i)) expect(rows![n]![i]).toBeCloseTo(score, 2);
      }
      if (kept.includes(i)) continue;
      expect(probabilities(none![n]!, 20)[i]).toBe(0);
      expect(minimum![n]![i]).toBeCloseTo(Math.min(...row), 2);
    }
    const mass = (p: readonly number[]) => kept.reduce((sum, i) => sum + p[i]!, 0);
    expect(mass(probabilities(even![n]!, 1))).toBeCloseTo(mass(probabilities(row, 1)), 3);
  }
});

test("names are read back, others refused; so are labels that are not whole", () => {
  for (const name of ["float32", "float16", "int8", "int4", "top5", "top12-minimum", "top1-even"]) {
    expect(codecName(parseCodec(name))).toBe(name);
  }
  expect(() => parseCodec("top0")).toThrowErrorMatchingInlineSnapshot(
    `[ConfigError: label codec: wanted float32, float16, int8, int4, top<k>, top<k>-minimum or top<k>-even, got "top0"]`,
  );
  expect(() => labelBytes(parseCodec("top8"), 7)).toThrowErrorMatchingInlineSnapshot(
    `[ConfigError: label codec top8: wanted at most 7 scores, one a class, got 8]`,
  );
  const codec = parseCodec("float16");
  expect(() => decodeLabelRecords(codec, new Uint8Array(15), 7)).toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: decodeLabelRecords: wanted labels of 14 bytes (float16, 7 classes), got 15 bytes]`,
  );
  const foreign = encodeLabelRecords(parseCodec("top1"), scores, CLASSES);
  foreign[2] = 9;
  expect(() => decodeLabelRecords(parseCodec("top1"), foreign, CLASSES)).toThrow(
    "a label names class 9, wanted 0 to 6; the file is damaged",
  );
});
