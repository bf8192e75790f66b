import { samplesAtOnce, type Network } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/** Images classified together. */
const BATCH = 256;

/**
 * Class scores of many images, `[count, K]`, batch by batch. The caller owns the tensor.
 *
 * @param read The images numbered `from` … `to` − 1; called inside `tf.tidy`.
 */
export function logitsOf(
  network: Network,
  theta: tf.Tensor1D,
  count: number,
  read: (from: number, to: number) => tf.Tensor4D,
): tf.Tensor2D {
  return tf.tidy(() => {
    const parts: tf.Tensor2D[] = [];
    const batch = Math.min(BATCH, samplesAtOnce());
    for (let from = 0; from < count; from += batch) {
      parts.push(tf.tidy(() => network.apply(theta, read(from, Math.min(count, from + batch))).logits));
    }
    return parts.length === 1 ? parts[0]! : tf.concat(parts, 0);
  });
}
