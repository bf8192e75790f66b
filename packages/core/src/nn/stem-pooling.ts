import * as tf from "@tensorflow/tfjs-core";
import type { ImageShape } from "../dataset/image-dataset.ts";
import type { ImageLayer } from "./network-plan.ts";

/** Max pooling of 3 × 3 windows that overlap, by 2. One derivative only. */
export function stemPooling([h, w, c]: ImageShape): ImageLayer {
  const half = (length: number): number => Math.floor((length - 1) / 2) + 1;
  return {
    outputShape: [half(h), half(w), c],
    forward: (_, x) => tf.maxPool(x, 3, 2, 1, "floor"),
  };
}
