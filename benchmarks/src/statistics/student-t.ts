/** Student's t distribution: what confidence intervals over a handful of seeds need. */

/**
 * Quantile of Student's t distribution: the x with `P(T ≤ x) = probability`.
 *
 * Solved by bisection on the distribution function, to about 1e-12.
 *
 * @param probability In (0, 1).
 * @param degrees Degrees of freedom, > 0.
 * @throws {RangeError} outside these ranges.
 */
export function studentTQuantile(probability: number, degrees: number): number {
  if (!(probability > 0 && probability < 1)) {
    throw new RangeError(`studentTQuantile: probability must lie in (0, 1), got ${probability}`);
  }
  if (!(degrees > 0)) throw new RangeError(`studentTQuantile: degrees must be positive, got ${degrees}`);
  if (probability < 0.5) return -studentTQuantile(1 - probability, degrees);
  let low = 0;
  let high = 1;
  while (studentTDistribution(high, degrees) < probability) high *= 2;
  for (let i = 0; i < 200 && high - low > 1e-13 * high; i++) {
    const middle = (low + high) / 2;
    if (studentTDistribution(middle, degrees) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Distribution function `P(T ≤ x)` of Student's t: `1 − I(ν/(ν+x²); ν/2, 1/2)/2` for x ≥ 0. */
export function studentTDistribution(x: number, degrees: number): number {
  const tail = regularisedIncompleteBeta(degrees / (degrees + x * x), degrees / 2, 0.5) / 2;
  return x >= 0 ? 1 - tail : tail;
}

/** `I(x; a, b)` by its continued fraction (Lentz's method), on the side where it converges fast. */
function regularisedIncompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - regularisedIncompleteBeta(1 - x, b, a);
  const front =
    Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const tiny = 1e-300;
  let c = 1;
  let d = 1 - ((a + b) * x) / (a + 1);
  d = 1 / (Math.abs(d) < tiny ? tiny : d);
  let fraction = d;
  for (let m = 1; m < 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let change = 1;
    for (const term of [even, odd]) {
      d = 1 + term * d;
      d = 1 / (Math.abs(d) < tiny ? tiny : d);
      c = 1 + term / c;
      if (Math.abs(c) < tiny) c = tiny;
      change = c * d;
      fraction *= change;
    }
    if (Math.abs(change - 1) < 1e-15) break;
  }
  return front * fraction;
}

/** log Γ(x) for x > 0: Stirling's series after shifting x above 10. */
function logGamma(x: number): number {
  let shift = 0;
  let z = x;
  while (z < 10) shift += Math.log(z++);
  const r = 1 / (z * z);
  const series = 1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r / 1188)));
  return (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series / z - shift;
}
