import { expect, test } from "vitest";
import { formatNested, summariseNested } from "./nested.ts";
import { comparePaired, formatComparison } from "./paired.ts";

test("the paired t-test, against a table", () => {
  // Student's sleep data (1908): differences of ten patients; R: t = 4.0621, p = 0.002833, interval 0.7001142 … 2.4598858.
  const first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
  const second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
  const compared = comparePaired(second, first);
  expect(compared.mean).toBeCloseTo(1.58, 12);
  expect(compared.pT).toBeCloseTo(0.002833, 6);
  expect(compared.mean - compared.halfWidth95).toBeCloseTo(0.7001142, 6);
  expect(compared.excludesZero).toBe(true);
  // One difference is zero and none is negative: two of 2¹⁰ signs, each twice.
  expect(compared.pSignFlip).toBe(4 / 1024);
  expect(comparePaired(first, second).pT).toBeCloseTo(compared.pT, 12);
});

test("the sign-flip test, exact and sampled", () => {
  // Sums of ±1 ±2 ±3 at least 4 from zero: ±6, ±4.
  expect(comparePaired([1, 2, 3], [0, 0, 6]).pSignFlip).toBe(1);
  expect(comparePaired([-1, 2, 3], [0, 0, 0]).pSignFlip).toBe(4 / 8);
  expect(comparePaired([1, 2, 3], [0, 0, 0]).pSignFlip).toBe(2 / 8);
  // 20 equal differences, 15 up and 5 down: 2·P(B(20, ½) ≥ 15) = 0.0413895.
  const ups = Array.from({ length: 20 }, (_, i) => (i < 15 ? 1 : -1));
  const sampled = comparePaired(
    ups,
    ups.map(() => 0),
  ).pSignFlip;
  expect(Math.abs(sampled - 0.0413895)).toBeLessThan(4 * Math.sqrt((0.0414 * 0.9586) / 65_536));
});

test("differences as tables show them", () => {
  expect(formatComparison(comparePaired([50, 51.2, 52], [48, 49, 50.1]))).toBe("+2.0 ± 0.4 (p = 0.002)");
  expect(formatComparison(comparePaired([50, 51, 52], [52, 50, 52]))).toMatchInlineSnapshot(
    `"−0.3 ± 3.8 (n.s., p = 0.742)"`,
  );
  expect(formatComparison(comparePaired([50], [52]))).toBe("−2.0 (n = 1)");
  expect(() => comparePaired([1], [1, 2])).toThrow("wanted equally many values, got 1 and 2");
});

test("two sources of spread", () => {
  // Means 11, 20, 30: between √(((11−61/3)² + …)/2); within √((2 + 0 + 8)/3) with 2, 2, 2 networks.
  const nested = summariseNested([
    [10, 12],
    [20, 20],
    [28, 32],
  ]);
  expect(nested).toMatchObject({ sets: 3, n: 6 });
  expect(nested.mean).toBeCloseTo(61 / 3, 12);
  expect(nested.betweenStd).toBeCloseTo(Math.sqrt(271 / 3), 10);
  expect(nested.withinStd).toBeCloseTo(Math.sqrt(10 / 3), 12);
  expect(nested.halfWidth95).toBeCloseTo((4.302652729911275 * Math.sqrt(271 / 3)) / Math.sqrt(3), 8);
  expect(formatNested(nested)).toBe("20.3 ± 1.8 (3 × 2, between sets 9.5)");
  expect(formatNested(summariseNested([[10, 12, 11]]))).toBe("11.0 ± 1.0 (1 × 3)");
  expect(() => summariseNested([[1], [NaN]])).toThrow("must be finite");
});
