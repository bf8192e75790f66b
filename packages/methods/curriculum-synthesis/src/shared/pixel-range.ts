import { ConfigError, type ImageDataset, type Normalisation } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/** @throws {ConfigError} if the images are whitened: a whitened pixel has no range of its own. */
export function requirePixels(normalisation: Normalisation): Extract<Normalisation, { kind: "mean-std" }> {
  if (normalisation.kind === "mean-std") return normalisation;
  throw new ConfigError(
    "curriculum synthesis: images must stay pictures, which whitened ones cannot be held to; leave the whitening out",
  );
}

/**
 * Moves normalised values to the nearest ones that a picture has: `[−mean/std, (1 − mean)/std]` in every channel. Differentiable in
 * the images: the derivative is that of a value inside the range, and 0 outside.
 *
 * @param images `[N, H, W, C]`.
 * @throws {ConfigError} if the images are whitened.
 */
export function clampToPixels(
  images: tf.Tensor4D,
  { normalisation }: Pick<ImageDataset, "normalisation">,
): tf.Tensor4D {
  const { mean, std } = requirePixels(normalisation);
  return tf.tidy(() => {
    const low = tf.tensor1d(mean.map((value, c) => -value / std[c]!));
    const high = tf.tensor1d(mean.map((value, c) => (1 - value) / std[c]!));
    return tf.minimum(tf.maximum(images, low), high);
  });
}
