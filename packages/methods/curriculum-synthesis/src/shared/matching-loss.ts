import { batchMoments, constant, type BatchMoments, type NetworkStatistics } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/** Inside every square root, so that its derivative is finite where the statistics agree. */
const EPSILON = 1e-12;

/** `√(Σ x² + ε)` of a whole tensor. */
export function norm(x: tf.Tensor): tf.Scalar {
  return tf.sqrt(tf.add(tf.sum(tf.square(x)), EPSILON));
}

export interface StatisticsLossOptions {
  /** Factor k₁ on the first layer. */
  readonly firstLayerWeight: number;
  /** `normalised`: R_l / √channels, and the mean over layers instead of the sum. */
  readonly statisticsScale: "published" | "normalised";
}

/**
 * Distance between a batch's statistics and the teacher's, over the layers that are given:
 *
 *     R_l = ‖v_l − V_l‖₂ + ‖m_l − M_l‖₂        R = k₁·R₁ + Σ_{l ≥ 2} R_l
 *
 * m, v: mean and biased variance of a layer's input over the batch; M, V: running statistics. Norms are neither squared nor
 * averaged over channels, as in the published code. Differentiable in the statistics of the batch.
 *
 * @see Yin et al., "Squeeze, Recover and Relabel" (NeurIPS 2023), equation 7 and recover/data_synthesis.py.
 * Differs: ε = 1e-12 under the roots.
 */
export function statisticsLoss(
  batch: readonly BatchMoments[],
  running: NetworkStatistics,
  { firstLayerWeight, statisticsScale }: StatisticsLossOptions,
): tf.Scalar {
  const isScaled = statisticsScale === "normalised";
  const terms = batch.map(({ mean, variance }, l) => {
    const far = tf.add(norm(tf.sub(variance, running.variance[l]!)), norm(tf.sub(mean, running.mean[l]!)));
    const weight = (l === 0 ? firstLayerWeight : 1) / (isScaled ? Math.sqrt(mean.size) * batch.length : 1);
    return weight === 1 ? far : tf.mul(far, weight);
  });
  return tf.addN(terms) as tf.Scalar;
}

/** Mean and variance of each layer's input, in layer order. */
export function momentsOf(inputs: readonly tf.Tensor[]): BatchMoments[] {
  return inputs.map(batchMoments);
}

/**
 * Roughness of a batch: the lengths, each over the whole batch, of the differences between neighbours to the right, below, and
 * along both diagonals. Differentiable.
 */
export function totalVariation(images: tf.Tensor4D): tf.Scalar {
  const [, h, w] = images.shape;
  const part = (top: number, left: number, height: number, width: number): tf.Tensor4D =>
    tf.slice(images, [0, top, left, 0], [-1, height, width, -1]);
  const differences = [
    tf.sub(part(0, 0, h, w - 1), part(0, 1, h, w - 1)),
    tf.sub(part(0, 0, h - 1, w), part(1, 0, h - 1, w)),
    tf.sub(part(0, 0, h - 1, w - 1), part(1, 1, h - 1, w - 1)),
    tf.sub(part(1, 0, h - 1, w - 1), part(0, 1, h - 1, w - 1)),
  ];
  return tf.addN(differences.map(norm)) as tf.Scalar;
}

/** Mean length of the images, `(1/N) Σ ‖x_n‖₂`. Differentiable. */
export function meanLength(images: tf.Tensor4D): tf.Scalar {
  return tf.mean(tf.sqrt(tf.add(tf.sum(tf.square(images), [1, 2, 3]), EPSILON)));
}

/** The value of a scalar, outside every derivative. */
export function valueOf(scalar: tf.Scalar): number {
  return tf.tidy(() => constant(() => tf.clone(scalar)).dataSync()[0]!);
}
