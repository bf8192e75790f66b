import type { ImageShape } from "../dataset/image-dataset.ts";

/** Grey images of 28 × 28 are padded to 32 × 32 by the first convolution, so that networks behave as on 32 × 32. */
export function firstPadding(input: ImageShape, usual: number): number {
  return input[0] === 28 && input[1] === 28 && input[2] === 1 ? usual + 2 : usual;
}
