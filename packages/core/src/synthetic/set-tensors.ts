import * as tf from "@tensorflow/tfjs-core";
import { denormaliseImages } from "../dataset/normalise.ts";
import type { SyntheticSet } from "./synthetic-set.ts";

/** What a set needs to be turned into tensors. */
type SetData = Pick<SyntheticSet, "images" | "size" | "shape" | "classes" | "labels">;

/** Images of a set, `[N, H, W, C]`, normalised float32. The caller owns the tensor. */
export function setImages({ images, size, shape }: Pick<SetData, "images" | "size" | "shape">): tf.Tensor4D {
  // A copy: some back ends keep the array they are given.
  return tf.tensor4d(images.slice(), [size, ...shape]);
}

/**
 * Labels of a set as probabilities, `[N, K]` float32: one-hot rows of hard labels; soft labels as they are, soft-max applied to
 * logits. The caller owns the tensor.
 */
export function setLabels({
  labels,
  size,
  classes,
}: Pick<SetData, "labels" | "size" | "classes">): tf.Tensor2D {
  const count = classes.length;
  if (labels.kind === "hard") return oneHotLabels(labels.values, count);
  const { values, space } = labels;
  return tf.tidy(() => {
    const rows = tf.tensor2d(values.slice(), [size, count]);
    return space === "logits" ? tf.softmax(rows) : rows;
  });
}

/** Rows with a 1 at the class: `[labels.length, classes]` float32. The caller owns the tensor. */
export function oneHotLabels(labels: ArrayLike<number>, classes: number): tf.Tensor2D {
  const rows = new Float32Array(labels.length * classes);
  for (let i = 0; i < labels.length; i++) rows[i * classes + labels[i]!] = 1;
  return tf.tensor2d(rows, [labels.length, classes]);
}

/** The images of a set as pictures `[N, H, W, C]`, values 0…255, clamped: for looking at, not for training. */
export function denormalise(set: Pick<SyntheticSet, "images" | "shape" | "normalisation">): Uint8Array {
  return Uint8Array.from(denormaliseImages(set.images, set.shape, set.normalisation));
}
