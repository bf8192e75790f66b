import * as tf from "@tensorflow/tfjs-core";
import { denormaliseImages } from "../dataset/normalise.ts";
import { decodedRows, multiFormation } from "./multi-formation.ts";
import type { SyntheticSet } from "./synthetic-set.ts";

/**
 * The images that a network is trained on, `[N·factor², H, W, C]`, normalised float32: those of the set, decoded where it has a
 * factor. The caller owns the tensor.
 */
export function setImages({
  images,
  size,
  shape,
  factor = 1,
  normalisation,
}: Pick<SyntheticSet, "images" | "size" | "shape" | "factor" | "normalisation">): tf.Tensor4D {
  return tf.tidy(() => {
    // A copy: some back ends keep the array they are given.
    const stored = tf.tensor4d(images.slice(), [size, ...shape]);
    return factor === 1 ? stored : multiFormation(stored, factor, normalisation);
  });
}

/**
 * Labels of {@link setImages} as probabilities, `[N·factor², K]` float32: one-hot rows of hard labels and of the classes where labels
 * belong to views; soft labels as they are, soft-max applied to logits. The caller owns the tensor.
 */
export function setLabels({
  labels,
  size,
  classes,
  factor = 1,
}: Pick<SyntheticSet, "labels" | "size" | "classes" | "factor">): tf.Tensor2D {
  return tf.tidy(() => {
    const rows = labelRows(labels, size, classes.length);
    return factor === 1 ? rows : decodedRows(rows, factor);
  });
}

function labelRows(labels: SyntheticSet["labels"], size: number, classes: number): tf.Tensor2D {
  if (labels.kind !== "soft") return oneHotLabels(labels.values, classes);
  const rows = tf.tensor2d(labels.values.slice(), [size, classes]);
  return labels.space === "logits" ? tf.softmax(rows) : rows;
}

/** Rows with a 1 at the class: `[labels.length, classes]` float32. The caller owns the tensor. */
export function oneHotLabels(labels: ArrayLike<number>, classes: number): tf.Tensor2D {
  const rows = new Float32Array(labels.length * classes);
  for (let i = 0; i < labels.length; i++) rows[i * classes + labels[i]!] = 1;
  return tf.tensor2d(rows, [labels.length, classes]);
}

/** The stored images of a set as pictures `[N, H, W, C]`, values 0…255, clamped: for looking at, not for training. */
export function denormalise(set: Pick<SyntheticSet, "images" | "shape" | "normalisation">): Uint8Array {
  return Uint8Array.from(denormaliseImages(set.images, set.shape, set.normalisation));
}
