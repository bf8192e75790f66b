import * as tf from "@tensorflow/tfjs-core";
import { ensureGradients } from "../grad/ensure-gradients.ts";

/**
 * Flip embedding: a batch followed by its mirror images, `[X; mirror(X)]`. Put around the synthetic batch (and not the real one)
 * before it is augmented, whatever the method does with it, so that no pixels are spent on both directions of one thing.
 *
 * Differentiable any number of times: an image's gradient is its own plus the mirrored one of its twin.
 *
 * @param images `[N, H, W, C]`.
 * @returns `[2N, H, W, C]`; row N + n is the mirror image of row n. Labels follow by `tf.concat([labels, labels])`.
 * @see Son et al., "FYI: Flip Your Images for Dataset Distillation" (ECCV 2024), section 3.2.
 */
export function flipEmbedding(images: tf.Tensor4D): tf.Tensor4D {
  ensureGradients();
  return tf.tidy(() => tf.concat([images, tf.reverse(images, 2)], 0));
}
