import * as tf from "@tensorflow/tfjs-core";
import type { ImageDataset } from "../dataset/image-dataset.ts";
import { ConfigError, DataError } from "../errors.ts";
import type { RealImages } from "../method/method.ts";
import { choice, normal } from "../random/draw.ts";
import { foldIn, type Key } from "../random/key.ts";
import { kMeansMembers, type Embedding } from "./k-means-members.ts";
import { checkFactor } from "./multi-formation.ts";

/** Rules for the first images. */
export const INITIALISATIONS = ["real", "noise", "kmeans", "mix"] as const;

export interface InitialiseOptions {
  /**
   * `real`: distinct random training images; `noise`: N(0, 1) per pixel in normalised space; `kmeans`: the training images
   * nearest to the centres of k-means, k = ipc, in each class; `mix`: `factor²` distinct random training images, shrunk, side by
   * side in every image.
   */
  readonly kind: (typeof INITIALISATIONS)[number];
  readonly dataset: ImageDataset;
  readonly real: RealImages;
  /** Images per class, at least 1. */
  readonly ipc: number;
  readonly key: Key;
  /** `kmeans`: the space to cluster in. Default: pixels. */
  readonly embed?: Embedding;
  /** `mix`: images along each side of an image. Default 1, which is `real`. */
  readonly factor?: number;
}

/**
 * First synthetic images, `[K·ipc, H, W, C]` in normalised space, class by class. The caller owns the tensor.
 *
 * @throws {ConfigError} if `ipc` is not a positive whole number, or `factor` does not fit the images.
 * @throws {DataError} if a class has fewer real images than are needed (`real`, `kmeans`, `mix`).
 */
export function initialise(options: InitialiseOptions): tf.Tensor4D {
  const { kind, dataset, real, ipc, key } = options;
  if (!Number.isInteger(ipc) || ipc < 1) {
    throw new ConfigError(`initialise: ipc must be a whole number of at least 1, got ${ipc}`);
  }
  const { classes, shape } = dataset;
  if (kind === "noise") {
    const count = classes.length * ipc;
    return tf.tensor4d(normal(key, count * shape[0] * shape[1] * shape[2]), [count, ...shape]);
  }
  const factor = kind === "mix" ? (options.factor ?? 1) : 1;
  checkFactor("initialise", factor, shape);
  const wanted = ipc * factor * factor;
  const positions = classes.map((name, label) => {
    const members = real.ofClass(label);
    if (members.length < wanted) {
      const asked = factor === 1 ? `ipc = ${ipc}` : `ipc · factor² = ${wanted}`;
      throw new DataError(
        `${dataset.name}: class "${name}" has ${members.length} training images, wanted at least ${asked}; lower ipc or use initialisation "noise"`,
      );
    }
    const own = foldIn(key, label);
    return kind === "kmeans"
      ? kMeansMembers(real, members, ipc, own, options.embed)
      : choice(own, members, wanted);
  });
  if (factor > 1)
    return tf.tidy(() => tf.concat(positions.map((own) => mosaic(real.read(own), ipc, factor))));
  return real.read(positions.flatMap((own) => Array.from(own)));
}

/**
 * `ipc` images, each showing `factor²` others: image n has in cell k (row by row) the k·ipc + n-th, shrunk by nearest neighbour.
 * Where `factor` does not divide a side, the first cells are one pixel longer.
 */
function mosaic(images: tf.Tensor4D, ipc: number, factor: number): tf.Tensor4D {
  const [, height, width] = images.shape;
  const cell = (length: number, i: number) => Math.floor(length / factor) + (i < length % factor ? 1 : 0);
  const columns = Array.from({ length: factor }, (_, i) => i);
  const rows = columns.map((row) =>
    tf.concat(
      columns.map((column) => {
        const part = tf.slice(images, [(row * factor + column) * ipc, 0, 0, 0], [ipc, -1, -1, -1]);
        return tf.image.resizeNearestNeighbor(part, [cell(height, row), cell(width, column)]);
      }),
      2,
    ),
  );
  return tf.concat(rows, 1);
}
