/** Ranks 1 … n, ties at their mean rank. */
function ranks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const out = new Array<number>(values.length).fill(0);
  for (let first = 0; first < order.length;) {
    let end = first + 1;
    while (end < order.length && values[order[end]!] === values[order[first]!]) end++;
    for (let i = first; i < end; i++) out[order[i]!] = (first + 1 + end) / 2;
    first = end;
  }
  return out;
}

/**
 * Spearman's rank correlation: Pearson's of the ranks, ties at their mean rank. NaN where one side has no spread.
 *
 * @throws {RangeError} if the lengths differ, are below 2, or a value is not finite.
 */
export function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length || a.length < 2) {
    throw new RangeError(
      `rankCorrelation: wanted two equally long lists of at least 2, got ${a.length} and ${b.length}`,
    );
  }
  const bad = [...a, ...b].find((value) => !Number.isFinite(value));
  if (bad !== undefined) throw new RangeError(`rankCorrelation: values must be finite, got ${bad}`);
  const [x, y] = [ranks(a), ranks(b)];
  const mean = (a.length + 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const [dx, dy] = [x[i]! - mean, y[i]! - mean];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xy / Math.sqrt(xx * yy);
}
