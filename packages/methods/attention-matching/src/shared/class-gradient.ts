import {
  choice,
  foldIn,
  gradientAlong,
  meanOverPieces,
  pieceRows,
  samplePieces,
  softmaxCrossEntropy,
  type Key,
  type Network,
  type NetworkStatistics,
  type ParameterLoss,
  type RunContext,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/** Distance of the gradient of a synthetic batch from that of a real one, `[P]` each. Differentiable in the first. */
export type DistanceOfGradients = (synthetic: tf.Tensor1D, real: tf.Tensor1D) => tf.Scalar;

/** What the gradients of one class are taken of. */
export interface ClassMatch {
  readonly network: Network;
  /** `[P]`. */
  readonly theta: tf.Tensor1D;
  /** Fixed statistics where the network uses batch normalisation, see {@link frozenStatistics}. */
  readonly statistics: NetworkStatistics | undefined;
  readonly label: number;
  /** Real images of the class as the network sees them, `[R, H, W, C]`. */
  readonly real: tf.Tensor4D;
  /** Stored images of the class, `[ipc, H, W, C]`. */
  readonly stored: tf.Tensor4D;
  /** What the network sees of them, `[batchSize, H, W, C]`. Differentiable. */
  readonly batchOf: (stored: tf.Tensor4D) => tf.Tensor4D;
  /** Default: as many as there are stored ones. */
  readonly batchSize?: number;
  readonly distance: DistanceOfGradients;
}

/**
 * Distance of one class's gradients and its derivative in the stored images:
 *
 *     D( ∇θ CE(S_c; θ), ∇θ CE(R_c; θ) ),  CE the mean over the batch
 *
 * A gradient of a gradient, taken in the images alone: of the second backward pass, the half that belongs to θ is left out. The
 * real gradient is a constant and keeps nothing for a derivative.
 *
 * Where `samplesAtOnce` asks for it, both batches pass in pieces. The distance sees the images through g = ∇θ CE(S_c; θ) alone, so
 * with v = ∂D/∂g its derivative is that of ⟨g, v⟩, a sum over samples: one more gradient pass than in one piece.
 *
 * Call it inside `tf.tidy`.
 *
 * @returns The distance, and the derivative in `stored`, of its shape.
 */
export function classGradient(match: ClassMatch): {
  readonly distance: tf.Scalar;
  readonly gradient: tf.Tensor4D;
} {
  const { network, theta, statistics, label, real, stored, batchOf, distance } = match;
  const fixed = statistics === undefined ? {} : { statistics };
  const labelRows = (count: number): tf.Tensor2D =>
    tf.tidy(() => {
      const indices = tf.fill([count], label, "int32") as tf.Tensor1D;
      return tf.oneHot(indices, network.classes, 1, 0, "float32") as tf.Tensor2D;
    });
  const lossAt = (at: tf.Tensor1D, images: tf.Tensor4D, labels: tf.Tensor2D): tf.Scalar =>
    softmaxCrossEntropy(network.apply(at, images, fixed).logits, labels);
  const parameterGradient = (images: tf.Tensor4D): tf.Tensor1D => {
    const labels = labelRows(images.shape[0]);
    return tf.grad((at) => lossAt(at as tf.Tensor1D, images, labels))(theta) as tf.Tensor1D;
  };

  const [wanted] = meanOverPieces(samplePieces(network, real.shape[0], statistics), (piece) => [
    tf.tidy(() => parameterGradient(pieceRows(real, piece))),
  ]);
  const pieces = samplePieces(network, match.batchSize ?? stored.shape[0], statistics);
  if (pieces.length === 1) {
    const { value, grad } = tf.valueAndGrad((images: tf.Tensor) =>
      distance(parameterGradient(batchOf(images as tf.Tensor4D)), wanted!),
    )(stored);
    return { distance: value as tf.Scalar, gradient: grad as tf.Tensor4D };
  }
  const batch = batchOf(stored);
  const [reached] = meanOverPieces(pieces, (piece) => [
    tf.tidy(() => parameterGradient(pieceRows(batch, piece))),
  ]);
  const { value, grad: direction } = tf.valueAndGrad((at: tf.Tensor) => distance(at as tf.Tensor1D, wanted!))(
    reached!,
  );
  const [gradient] = meanOverPieces(pieces, (piece) => {
    const lossOfPiece: ParameterLoss = (at, images, labels) =>
      lossAt(at, pieceRows(batchOf(images), piece), labels);
    const labels = labelRows(piece.to - piece.from);
    return [gradientAlong(lossOfPiece, theta, stored, labels, direction as tf.Tensor1D, "images").images];
  });
  return { distance: value as tf.Scalar, gradient: gradient! };
}

/** Real images of each class whose statistics batch normalisation is held at. */
const STATISTICS_PER_CLASS = 16;

/**
 * Batch-normalisation statistics of 16 real images of each class together, held fixed while gradients are matched: a batch of one
 * class, or of one image, has none worth using. Undefined for networks without such layers.
 *
 * Differs: the authors' code mixes them into its running averages with weight 0.1; here they are used as they are.
 */
export function frozenStatistics(
  { real, dataset }: RunContext,
  network: Network,
  theta: tf.Tensor1D,
  key: Key,
): NetworkStatistics | undefined {
  if (!network.usesBatchStatistics) return undefined;
  const positions = dataset.classes.flatMap((_, label) => {
    const members = real.ofClass(label);
    return Array.from(choice(foldIn(key, label), members, Math.min(STATISTICS_PER_CLASS, members.length)));
  });
  const images = real.read(positions);
  const { mean, variance } = network.batchStatistics(theta, images);
  images.dispose();
  return { mean, variance };
}

/** Up to `count` random real images of a class, `[min(count, size of the class), H, W, C]`. */
export function realBatch({ real }: RunContext, label: number, count: number, key: Key): tf.Tensor4D {
  const members = real.ofClass(label);
  return real.read(choice(foldIn(foldIn(key, "real"), label), members, Math.min(count, members.length)));
}
