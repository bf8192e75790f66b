import * as tf from "@tensorflow/tfjs-core";

export type Activation = "relu" | "leakyrelu" | "sigmoid" | "swish" | "identity";

/** Element-wise activation; `slope` is that of `leakyrelu` below zero, `swish` is x · sigmoid(x). Differentiable twice. */
export function activate<T extends tf.Tensor>(x: T, activation: Activation, slope: number): T {
  switch (activation) {
    case "relu":
      return tf.relu(x);
    case "leakyrelu":
      return tf.leakyRelu(x, slope);
    case "sigmoid":
      return tf.sigmoid(x);
    case "swish":
      return tf.mul(x, tf.sigmoid(x));
    case "identity":
      return x;
  }
}
