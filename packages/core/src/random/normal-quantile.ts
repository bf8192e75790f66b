/**
 * The p-quantile of the standard normal distribution, relative accuracy about 1e-16, for p and 1 − p of at least
 * 1.4e-11 (a 32-bit word never asks for less; the algorithm's third branch is left out).
 * Uses additions, products, quotients and square roots alone (no engine's `Math.log`), so its bits are the same everywhere.
 *
 * @see Wichura, "Algorithm AS 241: the percentage points of the normal distribution" (Applied Statistics 37, 1988), PPND16.
 */
export function standardNormalQuantile(p: number): number {
  const q = p - 0.5;
  if (q >= -0.425 && q <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * centralNumerator(r)) / centralDenominator(r);
  }
  const r = Math.sqrt(-naturalLog(q < 0 ? p : 1 - p));
  const x = tail(r - 1.6);
  return q < 0 ? -x : x;
}

function centralNumerator(r: number): number {
  return (
    ((((((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r +
      45921.953931549871457) *
      r +
      13731.693765509461125) *
      r +
      1971.5909503065514427) *
      r +
      133.14166789178437745) *
      r +
    3.387132872796366608
  );
}

function centralDenominator(r: number): number {
  return (
    ((((((5226.495278852854561 * r + 28729.085735721942674) * r + 39307.89580009271061) * r +
      21213.794301586595867) *
      r +
      5394.1960214247511077) *
      r +
      687.1870074920579083) *
      r +
      42.313330701600911252) *
      r +
    1
  );
}

function tail(r: number): number {
  const numerator =
    ((((((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r +
      1.27045825245236838258) *
      r +
      3.64784832476320460504) *
      r +
      5.7694972214606914055) *
      r +
      4.6303378461565452959) *
      r +
    1.42343711074968357734;
  const denominator =
    ((((((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r + 0.0151986665636164571966) * r +
      0.14810397642748007459) *
      r +
      0.68976733498510000455) *
      r +
      1.6763848301838038494) *
      r +
      2.05319162663775882187) *
      r +
    1;
  return numerator / denominator;
}

/** ln x for 0 < x ≤ 1, from ln x = e·ln 2 + 2·artanh((m − 1)/(m + 1)) with x = m·2^e and m in [√½, √2). */
function naturalLog(x: number): number {
  let m = x;
  let e = 0;
  while (m < 2 ** -16) {
    m *= 2 ** 16;
    e -= 16;
  }
  while (m < Math.SQRT1_2) {
    m *= 2;
    e -= 1;
  }
  const s = (m - 1) / (m + 1);
  const s2 = s * s;
  let sum = 0;
  for (let k = 21; k >= 1; k -= 2) sum = sum * s2 + 1 / k;
  return e * Math.LN2 + 2 * s * sum;
}
