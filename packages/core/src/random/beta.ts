import { normal, uniform } from "./draw.ts";
import { foldIn, type Key } from "./key.ts";

/**
 * One number from Beta(`alpha`, `alpha`), rounded to float32.
 *
 * @throws {RangeError} if `alpha` is not a positive number.
 */
export function beta(key: Key, alpha: number): number {
  if (!(alpha > 0 && alpha < Infinity))
    throw new RangeError(`beta: \`alpha\` must be positive, got ${alpha}`);
  if (alpha === 1) return uniform(key, 1)[0]!;
  // Logarithms, because both gammas may underflow for small alpha.
  const a = logGamma(foldIn(key, 0), alpha);
  const b = logGamma(foldIn(key, 1), alpha);
  return Math.fround(1 / (1 + Math.exp(b - a)));
}

/**
 * Logarithm of a Gamma(`shape`, 1) draw: squeeze method of Marsaglia and Tsang ("A simple method for generating gamma
 * variables", 2000), with their power of a uniform for shapes below 1.
 */
function logGamma(key: Key, shape: number): number {
  if (shape < 1) {
    const u = 1 - uniform(foldIn(key, "power"), 1)[0]!;
    return logGamma(foldIn(key, "raised"), shape + 1) + Math.log(u) / shape;
  }
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (let attempt = 0; ; attempt++) {
    const own = foldIn(key, attempt);
    const x = normal(foldIn(own, "normal"), 1)[0]!;
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    const u = 1 - uniform(foldIn(own, "uniform"), 1)[0]!;
    if (Math.log(u) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}
