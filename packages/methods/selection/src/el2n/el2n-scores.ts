import type { Rows } from "../shared/trained-networks.ts";

/**
 * EL2N of images under one network: `‖ softmax(z) − onehot(y) ‖₂`, from 0 (sure and right) to √2 (sure and wrong).
 *
 * @param logits One row an image.
 * @param labels Class of each.
 */
export function el2nScores({ values, width }: Rows, labels: ArrayLike<number>): Float32Array {
  return Float32Array.from({ length: labels.length }, (_, i) => {
    const row = values.subarray(i * width, (i + 1) * width);
    const largest = Math.max(...row);
    const exponentials = Array.from(row, (z) => Math.exp(z - largest));
    const total = exponentials.reduce((sum, value) => sum + value, 0);
    const squares = exponentials.map((value, k) => (value / total - (k === labels[i] ? 1 : 0)) ** 2);
    return Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
  });
}
