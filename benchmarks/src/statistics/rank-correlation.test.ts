import { expect, it } from "vitest";
import { rankCorrelation } from "./rank-correlation.ts";

it("is 1 − 6Σd²/n(n²−1) without ties", () => {
  const a = [10, 20, 30, 40, 50, 60];
  const b = [2, 1, 4, 3, 6, 5];
  expect(rankCorrelation(a, b)).toBeCloseTo(1 - (6 * 6) / (6 * 35), 12);
  expect(
    rankCorrelation(
      a,
      a.map((x) => x ** 3),
    ),
  ).toBeCloseTo(1, 12);
  expect(
    rankCorrelation(
      a,
      a.map((x) => -x),
    ),
  ).toBeCloseTo(-1, 12);
});

it("gives ties their mean rank", () => {
  // Ranks 1.5 1.5 3 and 1 2 3: Pearson's of them, by hand.
  expect(rankCorrelation([5, 5, 9], [1, 2, 3])).toBeCloseTo(1.5 / Math.sqrt(1.5 * 2), 12);
  expect(rankCorrelation([1, 1, 1], [1, 2, 3])).toBeNaN();
});

it("refuses what has no rank", () => {
  expect(() => rankCorrelation([1], [1])).toThrow(RangeError);
  expect(() => rankCorrelation([1, NaN], [1, 2])).toThrow("rankCorrelation: values must be finite, got NaN");
});
