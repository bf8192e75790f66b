import { describe, expect, it } from "vitest";
import { choice, integers, normal, permutation, uniform } from "./draw.ts";
import { foldIn, keyFromSeed, splitKey } from "./key.ts";
import { standardNormalQuantile } from "./normal-quantile.ts";

const key = keyFromSeed(1);
const mean = (x: ArrayLike<number>): number => Array.from(x).reduce((sum, v) => sum + v, 0) / x.length;
const moment = (x: ArrayLike<number>, order: number): number => mean(Array.from(x, (v) => v ** order));
const correlation = (x: ArrayLike<number>, y: ArrayLike<number>): number => {
  const mx = mean(x);
  const my = mean(y);
  const covariance = mean(Array.from(x, (v, i) => (v - mx) * (y[i]! - my)));
  return covariance / Math.sqrt((moment(x, 2) - mx * mx) * (moment(y, 2) - my * my));
};
/** Σ (seen − expected)² / expected. */
const chiSquare = (counts: readonly number[]): number => {
  const expected = counts.reduce((sum, c) => sum + c, 0) / counts.length;
  return counts.reduce((sum, c) => sum + (c - expected) ** 2 / expected, 0);
};

describe("bulk draws", () => {
  it("are pinned: a change here changes every recorded run", () => {
    expect(Array.from(uniform(key, 3))).toEqual([
      0.8785390853881836, 0.024084150791168213, 0.4133097529411316,
    ]);
    expect(Array.from(normal(key, 3))).toEqual([1.1677148342132568, -1.97588050365448, -0.21903912723064423]);
    expect(Array.from(integers(key, 5, 0, 10))).toEqual([7, 5, 5, 2, 5]);
    expect(Array.from(permutation(key, 5))).toEqual([2, 4, 1, 3, 0]);
  });

  it("do not depend on how many there are", () => {
    expect(uniform(key, 7)).toEqual(uniform(key, 100).slice(0, 7));
    expect(normal(key, 7)).toEqual(normal(key, 100).slice(0, 7));
    expect(integers(key, 7, -3, 3)).toEqual(integers(key, 100, -3, 3).slice(0, 7));
  });

  it("refuse counts that are not whole numbers", () => {
    expect(() => uniform(key, -1)).toThrow(
      "uniform: the number of draws must be a whole number of at least 0, got -1",
    );
    expect(() => permutation(key, 1.5)).toThrow("permutation: the number of draws must be");
  });
});

// Bounds below are five standard errors of the statistic at n draws.
const n = 100_000;

describe("uniform", () => {
  it("has the moments of its distribution and stays inside the interval", () => {
    const x = uniform(key, n, -2, 3);
    expect(x.every((v) => v >= -2 && v < 3)).toBe(true);
    expect(Math.abs(mean(x) - 0.5)).toBeLessThan((5 * 5) / Math.sqrt(12 * n));
    expect(Math.abs(moment(x, 2) - 35 / 15)).toBeLessThan(0.05);
    expect(uniform(key, 50_000, 0.1, 0.1000001).every((v) => v < 0.1000001)).toBe(true);
    expect(() => uniform(key, 1, 1, 1)).toThrow("uniform: `low` must be below `high`, got 1 and 1");
  });

  it("fills all cells of the square of consecutive draws evenly", () => {
    const x = uniform(key, n);
    const counts = new Array<number>(64).fill(0);
    for (let i = 0; i < n; i += 2) counts[Math.floor(x[i]! * 8) * 8 + Math.floor(x[i + 1]! * 8)]! += 1;
    expect(chiSquare(counts)).toBeLessThan(63 + 5 * Math.sqrt(2 * 63));
  });
});

describe("normal", () => {
  it("has the first four moments of N(0, 1)", () => {
    const x = normal(key, n);
    expect(Math.abs(mean(x))).toBeLessThan(5 * Math.sqrt(1 / n));
    expect(Math.abs(moment(x, 2) - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(moment(x, 3))).toBeLessThan(5 * Math.sqrt(15 / n));
    expect(Math.abs(moment(x, 4) - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
  });

  it("inverts the distribution function (values of Python's statistics.NormalDist().inv_cdf)", () => {
    const known: readonly (readonly [number, number])[] = [
      [2 ** -33, -6.337957754553789],
      [1e-5, -4.2648907939228256],
      [0.01, -2.3263478740408408],
      [0.3, -0.5244005127080407],
      [0.6, 0.2533471031357998],
      [0.99, 2.3263478740408408],
    ];
    for (const [p, x] of known) expect(Math.abs(standardNormalQuantile(p) / x - 1)).toBeLessThan(1e-15);
    expect(standardNormalQuantile(0.5)).toBe(0);
  });
});

describe("integers", () => {
  it("are uniform over a range that does not divide 2^32", () => {
    const counts = new Array<number>(7).fill(0);
    for (const v of integers(key, n, -3, 4)) counts[v + 3]! += 1;
    expect(chiSquare(counts)).toBeLessThan(6 + 5 * Math.sqrt(12));
  });

  it("have no bias where plain remainders would have a large one", () => {
    // The lowest third of 1.5·2^30 would come with probability 3/8 as the remainder of a 32-bit word.
    const x = integers(key, 30_000, 0, 1.5 * 2 ** 30);
    const low = x.filter((v) => v < 2 ** 29).length;
    expect(Math.abs(low / x.length - 1 / 3)).toBeLessThan(0.015);
    const full = integers(key, 10_000, -(2 ** 31), 2 ** 31);
    expect(Math.abs(full.filter((v) => v < 0).length - 5000)).toBeLessThan(250);
  });

  it("refuse bounds that are not 32-bit integers", () => {
    expect(() => integers(key, 1, 0, 0)).toThrow(
      "integers: `low` and `high` must be 32-bit integers with low < high",
    );
    expect(() => integers(key, 1, 0, 1.5)).toThrow("got 0 and 1.5");
  });
});

describe("permutation and choice", () => {
  it("give all 24 orders of four equally often", () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 24_000; i++) {
      const order = permutation(foldIn(key, i), 4).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    expect(chiSquare([...counts.values()])).toBeLessThan(23 + 5 * Math.sqrt(46));
  });

  it("draw without replacement, every member as often as any other", () => {
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const drawn = choice(foldIn(key, i), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 3);
      expect(new Set(drawn).size).toBe(3);
      for (const v of drawn) counts[v]! += 1;
    }
    expect(chiSquare(counts)).toBeLessThan(9 + 5 * Math.sqrt(18));
    expect(Array.from(permutation(key, 1000)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 1000 }, (_, i) => i),
    );
    expect(choice(key, [8, 9], 0)).toHaveLength(0);
  });

  it("refuse more than there is", () => {
    expect(() => choice(key, [1, 2, 3], 4)).toThrow(
      "choice: cannot draw 4 without replacement from 3; ask for at most 3",
    );
  });
});

describe("independence", () => {
  it("draws of split and folded keys are uncorrelated with each other and with the parent's", () => {
    const [a, b] = splitKey(key, 2);
    const draws = [key, a!, b!, foldIn(key, 0), foldIn(key, 1), foldIn(key, "0")].map((k) =>
      uniform(k, 20_000),
    );
    for (let i = 0; i < draws.length; i++) {
      for (let j = 0; j < i; j++)
        expect(Math.abs(correlation(draws[i]!, draws[j]!))).toBeLessThan(5 / Math.sqrt(20_000));
    }
    expect(Math.abs(correlation(draws[0]!.slice(1), draws[0]!.slice(0, -1)))).toBeLessThan(
      5 / Math.sqrt(20_000),
    );
  });
});
