import type { Rows } from "../shared/trained-networks.ts";

/**
 * Herding: rows whose running mean follows the mean of all rows, each the best next one,
 *
 *     i_k = argmin_{i not chosen} ‖ μ − (x_i + Σ_{j<k} x_{i_j}) / k ‖
 *
 * @returns `count` different row numbers in the order of choice; among equals the first.
 */
export function herd({ values, width }: Rows, count: number): Int32Array {
  const n = values.length / width;
  const mean = new Float64Array(width);
  for (let i = 0; i < values.length; i++) mean[i % width]! += values[i]! / n;
  const squares = Float64Array.from({ length: n }, (_, i) => {
    let square = 0;
    for (let d = 0; d < width; d++) square += values[i * width + d]! ** 2;
    return square;
  });
  // ‖kμ − Σ − x‖² is smallest where ‖x‖² − 2x·(kμ − Σ) is.
  const wanted = new Float64Array(width);
  const chosen: number[] = [];
  while (chosen.length < count) {
    for (let d = 0; d < width; d++) wanted[d]! += mean[d]!;
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < n; i++) {
      if (chosen.includes(i)) continue;
      let product = 0;
      for (let d = 0; d < width; d++) product += values[i * width + d]! * wanted[d]!;
      const distance = squares[i]! - 2 * product;
      if (distance < least) [best, least] = [i, distance];
    }
    chosen.push(best);
    for (let d = 0; d < width; d++) wanted[d]! -= values[best * width + d]!;
  }
  return Int32Array.from(chosen);
}

/** Squared distance from the mean of the chosen rows to that of all. */
export function meanDistance({ values, width }: Rows, chosen: Int32Array): number {
  const n = values.length / width;
  let distance = 0;
  for (let d = 0; d < width; d++) {
    let difference = 0;
    for (let i = 0; i < n; i++) difference += values[i * width + d]! / n;
    for (const i of chosen) difference -= values[i * width + d]! / chosen.length;
    distance += difference ** 2;
  }
  return distance;
}
