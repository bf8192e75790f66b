import * as tf from "@tensorflow/tfjs-core";
import { samplesAtOnce } from "../engine/samples-at-once.ts";
import type { ApplyOptions, Network } from "../nn/network.ts";

/** Neighbouring samples of a batch. */
export interface SamplePiece {
  readonly from: number;
  /** One behind the last. */
  readonly to: number;
  /** Of the batch: 1 for all of it. */
  readonly share: number;
}

/** A batch that is not split. */
export const WHOLE_BATCH: SamplePiece = { from: 0, to: Infinity, share: 1 };

/**
 * A batch in as few pieces of nearly equal size as {@link samplesAtOnce} allows; a single one where there is no bound, and where
 * batch normalisation couples the samples.
 *
 * @param statistics As they are given to the network: fixed ones (`frozen` stands for any) couple nothing.
 */
export function samplePieces(
  { usesBatchStatistics }: Pick<Network, "usesBatchStatistics">,
  count: number,
  statistics: NonNullable<ApplyOptions["statistics"]> | "frozen" = "batch",
): readonly SamplePiece[] {
  const coupled = usesBatchStatistics && statistics === "batch";
  const pieces = coupled ? 1 : Math.max(1, Math.ceil(count / samplesAtOnce()));
  const start = (piece: number): number => Math.floor((piece * count) / pieces);
  return Array.from({ length: pieces }, (_, i) => {
    const [from, to] = [start(i), start(i + 1)];
    return { from, to, share: pieces === 1 ? 1 : (to - from) / count };
  });
}

/** How many samples of a batch pass through the network together, see {@link samplePieces}: forecasts of memory count these. */
export function samplesTogether(...batch: Parameters<typeof samplePieces>): number {
  return Math.max(...samplePieces(...batch).map(({ from, to }) => to - from));
}

/** The rows of a piece `[to − from, …]`; the tensor itself where the piece is the whole batch. Differentiable in `tensor`. */
export function pieceRows<T extends tf.Tensor>(tensor: T, { from, to, share }: SamplePiece): T {
  if (share === 1) return tensor;
  const rest = tensor.shape.slice(1);
  return tf.slice(tensor, [from, ...rest.map(() => 0)], [to - from, ...rest]) as T;
}

/**
 * Means over a batch from means over its pieces: `Σ share · f(piece)`. Pieces are worked through one after the other, and what one
 * leaves is freed before the next. With one piece it is `f` itself, to the bit.
 *
 * @param f Tensors that are means over the samples of a piece, or linear in such: a mean loss and its gradient, class means. The
 *   same list of shapes for every piece.
 * @returns Tensors that the caller owns.
 */
export function meanOverPieces<T extends readonly tf.Tensor[]>(
  pieces: readonly SamplePiece[],
  f: (piece: SamplePiece) => T,
): T {
  if (pieces.length === 1) return f(pieces[0]!);
  return tf.tidy(() => {
    let sums: tf.Tensor[] | undefined;
    for (const piece of pieces) {
      const before = sums;
      sums = tf.tidy(() =>
        f(piece).map((mean, i) => {
          const part = tf.mul(mean, piece.share);
          return before === undefined ? part : tf.add(before[i]!, part);
        }),
      );
      tf.dispose(before ?? []);
    }
    return sums!;
  }) as unknown as T;
}

/** What `f` gives for each piece, one after the other: `[n, …]` a piece → `[N, …]`. The caller owns the tensor. */
export function rowsOverPieces<T extends tf.Tensor>(
  pieces: readonly SamplePiece[],
  f: (piece: SamplePiece) => T,
): T {
  if (pieces.length === 1) return f(pieces[0]!);
  return tf.tidy(() => tf.concat(pieces.map((piece) => tf.tidy(() => f(piece)))) as T);
}
