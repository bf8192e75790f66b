import * as tf from "@tensorflow/tfjs-core";

/** Sums `dy` over the axes along which `shape` was broadcast: the transpose of broadcasting. */
export function sumTo(dy: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const axes = tf.broadcast_util.getReductionAxes([...shape], dy.shape);
  return tf.reshape(axes.length > 0 ? tf.sum(dy, axes) : dy, [...shape]);
}

/** `x` repeated along its axes of length 1 to `shape` (same rank): the transpose of a sum that keeps its dimensions. */
export function expandTo(x: tf.Tensor, shape: readonly number[]): tf.Tensor {
  return tf.tile(
    x,
    shape.map((length, axis) => (x.shape[axis] === length ? 1 : length)),
  );
}
