import type { Rows } from "../shared/trained-networks.ts";

/**
 * Farthest-first traversal: each next row is the one farthest from its nearest chosen one. The radius is within twice the best.
 *
 * @param first Row to begin with.
 * @returns `count` different row numbers in the order of choice, among equals the first; and the largest distance of a row to its
 *   nearest chosen one.
 */
export function kCenterGreedy(
  { values, width }: Rows,
  count: number,
  first: number,
): { readonly chosen: Int32Array; readonly radius: number } {
  const n = values.length / width;
  const nearest = new Float64Array(n).fill(Infinity);
  const chosen: number[] = [];
  let next = first;
  for (;;) {
    chosen.push(next);
    let farthest = -1;
    for (let i = 0; i < n; i++) {
      let distance = 0;
      for (let d = 0; d < width; d++) distance += (values[i * width + d]! - values[next * width + d]!) ** 2;
      nearest[i] = Math.min(nearest[i]!, distance);
      if (!chosen.includes(i) && (farthest < 0 || nearest[i]! > nearest[farthest]!)) farthest = i;
    }
    if (chosen.length === count) break;
    next = farthest;
  }
  return { chosen: Int32Array.from(chosen), radius: Math.sqrt(Math.max(...nearest)) };
}
