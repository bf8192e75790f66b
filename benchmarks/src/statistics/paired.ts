import { foldIn, integers, keyFromSeed } from "@limbeck/core";
import { studentTDistribution } from "./student-t.ts";
import { summarise, type Summary } from "./summary.ts";

/** How two results under the same seeds differ. */
export interface PairedComparison extends Summary {
  /** Two-sided p of the paired t-test; NaN for n = 1. */
  readonly pT: number;
  /** Two-sided p of the sign-flip permutation test, which assumes only that the differences are symmetric about zero; NaN for n = 1. */
  readonly pSignFlip: number;
  /** Whether the 95 % t-interval of the mean difference excludes zero: only then do tables call a difference real. */
  readonly excludesZero: boolean;
}

/** Up to so many differences all 2ⁿ signs are tried. */
const EXACT = 16;
/** Beyond that, so many random signs. */
const SAMPLES = 65_536;

/**
 * Compares results under the same seeds (same initial network, same order): summary of `a[i] − b[i]`, paired t-test, sign-flip
 * permutation test. With n seeds the latter's p cannot fall below 2/2ⁿ: with 3 seeds it never shows significance.
 *
 * @throws {RangeError} if the lengths differ or are zero, or a value is not finite.
 */
export function comparePaired(a: readonly number[], b: readonly number[]): PairedComparison {
  if (a.length !== b.length) {
    throw new RangeError(`comparePaired: wanted equally many values, got ${a.length} and ${b.length}`);
  }
  const differences = a.map((value, i) => value - b[i]!);
  const summary = summarise(differences);
  const { n, mean, std, halfWidth95 } = summary;
  return {
    ...summary,
    pT: n > 1 ? pairedT(mean, std, n) : NaN,
    pSignFlip: n > 1 ? signFlip(differences) : NaN,
    excludesZero: Math.abs(mean) > halfWidth95,
  };
}

/** Two-sided p of `t = mean/(std/√n)`. */
function pairedT(mean: number, std: number, n: number): number {
  if (std === 0) return mean === 0 ? 1 : 0;
  const t = Math.abs(mean) / (std / Math.sqrt(n));
  return 2 * (1 - studentTDistribution(t, n - 1));
}

/** Share of the sign assignments whose sum is at least as far from zero: all of them, or random ones, the given one counted in. */
function signFlip(differences: readonly number[]): number {
  const n = differences.length;
  const scale = differences.reduce((sum, value) => sum + Math.abs(value), 0);
  const observed = Math.abs(differences.reduce((sum, value) => sum + value, 0)) - 1e-12 * scale;
  const extreme = (signs: (i: number) => boolean): boolean =>
    Math.abs(differences.reduce((sum, value, i) => sum + (signs(i) ? value : -value), 0)) >= observed;
  if (n <= EXACT) {
    let count = 0;
    for (let bits = 0; bits < 2 ** n; bits++) if (extreme((i) => ((bits >> i) & 1) === 1)) count++;
    return count / 2 ** n;
  }
  const key = keyFromSeed("sign flip");
  let count = 1;
  for (let sample = 0; sample < SAMPLES; sample++) {
    const flips = integers(foldIn(key, sample), n, 0, 2);
    if (extreme((i) => flips[i] === 1)) count++;
  }
  return count / (SAMPLES + 1);
}

/** `+1.2 ± 0.4 (p = 0.003)`: mean difference and 95 % half-width; `n.s.` where the interval holds zero. */
export function formatComparison({ mean, halfWidth95, excludesZero, pT, n }: PairedComparison): string {
  const sign = mean < 0 ? "−" : "+";
  const size = `${sign}${Math.abs(mean).toFixed(1)}`;
  if (n === 1) return `${size} (n = 1)`;
  const p = pT < 0.001 ? "p < 0.001" : `p = ${pT.toFixed(3)}`;
  return `${size} ± ${halfWidth95.toFixed(1)} (${excludesZero ? p : `n.s., ${p}`})`;
}
