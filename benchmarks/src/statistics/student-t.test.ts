import { expect, test } from "vitest";
import { studentTDistribution, studentTQuantile } from "./student-t.ts";

// Closed forms: one degree is Cauchy, x = tan(π(p − ½)); two degrees, x = (2p−1)·√(2/(4p(1−p))).
test.each([0.6, 0.9, 0.975, 0.999])("quantile at %s against closed forms", (p) => {
  expect(studentTQuantile(p, 1)).toBeCloseTo(Math.tan(Math.PI * (p - 0.5)), 8);
  expect(studentTQuantile(p, 2)).toBeCloseTo((2 * p - 1) * Math.sqrt(2 / (4 * p * (1 - p))), 9);
});

// Printed tables of the t distribution, two-sided 5 %.
test.each([
  [3, 3.182446],
  [4, 2.776445],
  [9, 2.262157],
  [19, 2.093024],
  [199, 1.971957],
])("0.975 quantile with %i degrees", (degrees, value) => {
  expect(studentTQuantile(0.975, degrees)).toBeCloseTo(value, 5);
});

test("symmetric, and inverse of the distribution function", () => {
  expect(studentTQuantile(0.2, 7)).toBeCloseTo(-studentTQuantile(0.8, 7), 10);
  expect(studentTDistribution(studentTQuantile(0.83, 5), 5)).toBeCloseTo(0.83, 10);
  expect(() => studentTQuantile(1, 3)).toThrow("studentTQuantile: probability must lie in (0, 1), got 1");
});
