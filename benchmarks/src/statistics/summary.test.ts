import { expect, test } from "vitest";
import { formatSummary, summarise } from "./summary.ts";

test("sample standard deviation and t interval", () => {
  const summary = summarise([1, 2, 3, 4]);
  expect(summary.mean).toBe(2.5);
  expect(summary.std).toBeCloseTo(Math.sqrt(5 / 3), 12);
  expect(summary.halfWidth95).toBeCloseTo((3.182446 * Math.sqrt(5 / 3)) / 2, 5);
  expect(formatSummary(summary)).toBe("2.5 ± 1.3 (n = 4)");
  expect(formatSummary(summarise([7]))).toBe("7.0 (n = 1)");
});

test("bad input is refused", () => {
  expect(() => summarise([])).toThrow("summarise: wanted at least one value, got none");
  expect(() => summarise([1, NaN])).toThrow("summarise: value 1 must be finite, got NaN");
});
