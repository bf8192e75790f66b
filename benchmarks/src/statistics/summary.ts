import { studentTQuantile } from "./student-t.ts";

/** Mean and spread of accuracies over seeds. */
export interface Summary {
  readonly n: number;
  readonly mean: number;
  /** Sample standard deviation, n − 1 in the denominator; NaN for n = 1. (Some published suites divide by n.) */
  readonly std: number;
  /** Half-width of the 95 % confidence interval of the mean, `t(0.975, n−1)·std/√n`; NaN for n = 1. */
  readonly halfWidth95: number;
}

/**
 * Mean, sample standard deviation (n − 1) and 95 % confidence half-width by Student's t.
 *
 * @throws {RangeError} if `values` is empty or holds a number that is not finite: a failed seed must not be dropped silently.
 */
export function summarise(values: readonly number[]): Summary {
  const n = values.length;
  if (n === 0) throw new RangeError("summarise: wanted at least one value, got none");
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new RangeError(`summarise: value ${bad} must be finite, got ${values[bad]}`);
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  return { n, mean, std, halfWidth95: n > 1 ? (studentTQuantile(0.975, n - 1) * std) / Math.sqrt(n) : NaN };
}

/** `54.2 ± 0.8 (n = 5)`, one decimal, sample standard deviation; without the spread for a single value. */
export function formatSummary({ n, mean, std }: Summary): string {
  return n > 1 ? `${mean.toFixed(1)} ± ${std.toFixed(1)} (n = ${n})` : `${mean.toFixed(1)} (n = 1)`;
}
