/**
 * Test support: differences of smooth scalar functions in float64. The steps balance rounding (1e-16 / step, and / step² for
 * the second) against the next term of the series.
 */
const FIRST_STEP = 1e-6;
const SECOND_STEP = 2e-5;

/** First derivative at 0: `(f(h) − f(−h)) / 2h`. */
export function centralDifference(f: (h: number) => number): number {
  const h = FIRST_STEP;
  return (f(h) - f(-h)) / (2 * h);
}

/**
 * Mixed second derivative at 0, from `(f(h,h) − f(−h,h) − f(h,−h) + f(−h,−h)) / 4h²` at two steps, extrapolated (Richardson) so that
 * the error falls with h⁴: normalisation over few elements makes the next term large.
 */
export function mixedDifference(f: (h: number, k: number) => number): number {
  const at = (h: number) => (f(h, h) - f(-h, h) - f(h, -h) + f(-h, -h)) / (4 * h * h);
  return (4 * at(SECOND_STEP / 2) - at(SECOND_STEP)) / 3;
}
