import { createNetwork, foldIn, keyFromSeed, normal, type Network } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/** What all four workloads share: ConvNet-3, width 128, instance norm, 32×32×3, ten classes. */
export const CLASSES = 10;
export const REAL_PER_CLASS = 128;
export const SYNTHETIC_PER_CLASS = 10;

export function workloadNetwork(name = "convnet3", side = 32): Network {
  return createNetwork(name, { inputShape: [side, side, 3], classes: CLASSES });
}

const workloadKey = keyFromSeed(20_240_801);

export function workloadTheta(network: Network, name: string): tf.Tensor1D {
  return network.init(foldIn(workloadKey, name));
}

/** Gaussian images `[count, side, side, 3]`: normalised real images have mean 0 and variance 1 too. */
export function workloadImages(count: number, name: string, side = 32): tf.Tensor4D {
  return tf.tensor4d(normal(foldIn(workloadKey, name), count * side * side * 3), [count, side, side, 3]);
}

/** One-hot labels `[count, 10]`, classes in turn. */
export function workloadLabels(count: number, labelOf: (index: number) => number): tf.Tensor2D {
  const labels = tf.tensor1d(
    Int32Array.from({ length: count }, (_, i) => labelOf(i)),
    "int32",
  );
  const encoded = tf.oneHot(labels, CLASSES, 1, 0, "float32") as tf.Tensor2D;
  labels.dispose();
  return encoded;
}
