import * as tf from "@tensorflow/tfjs-core";

/** Keys's cubic with a = −½, as picture libraries have it. */
function cubic(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

/** The matrix `[to, from]` that resamples one axis: weights of the pixels within two (scaled) pixels, normalised at the borders. */
function axisMatrix(from: number, to: number): tf.Tensor2D {
  const scale = from / to;
  const spread = Math.max(1, scale);
  const rows = Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const weights = Array.from({ length: from }, (__, j) => cubic((j + 0.5 - centre) / spread));
    const sum = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / sum);
  });
  return tf.tensor2d(rows, [to, from]);
}

/**
 * Resamples images bicubically, with the wider kernel where they shrink (anti-aliasing). Linear: differentiable any number of times.
 *
 * @param images `[N, H, W, C]`.
 * @returns `[N, size[0], size[1], C]`.
 */
export function bicubicResize(
  images: tf.Tensor4D,
  [height, width]: readonly [height: number, width: number],
): tf.Tensor4D {
  const [n, h, w, c] = images.shape;
  return tf.tidy(() => {
    // Every image in turn would be a small product: channels and images join the columns.
    const byRow = tf.reshape(tf.transpose(images, [1, 0, 2, 3]), [h, n * w * c]) as tf.Tensor2D;
    const tall = tf.reshape(tf.matMul(axisMatrix(h, height), byRow), [height, n, w, c]);
    const byColumn = tf.reshape(tf.transpose(tall, [2, 1, 0, 3]), [w, n * height * c]) as tf.Tensor2D;
    const whole = tf.reshape(tf.matMul(axisMatrix(w, width), byColumn), [width, n, height, c]);
    return tf.transpose(whole, [1, 2, 0, 3]) as tf.Tensor4D;
  });
}
