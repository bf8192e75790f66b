import * as tf from "@tensorflow/tfjs-core";
import type { ImageDataset } from "../dataset/image-dataset.ts";
import { ConfigError, DataError } from "../errors.ts";
import type { RealImages } from "../method/method.ts";
import { choice, normal } from "../random/draw.ts";
import { foldIn, type Key } from "../random/key.ts";
import { kMeansMembers, type Embedding } from "./k-means-members.ts";

/** Rules for the first images. */
export const INITIALISATIONS = ["real", "noise", "kmeans"] as const;

export interface InitialiseOptions {
  /**
   * `real`: distinct random training images; `noise`: N(0, 1) per pixel in normalised space; `kmeans`: the training images
   * nearest to the centres of k-means, k = ipc, in each class.
   */
  readonly kind: (typeof INITIALISATIONS)[number];
  readonly dataset: ImageDataset;
  readonly real: RealImages;
  /** Images per class, at least 1. */
  readonly ipc: number;
  readonly key: Key;
  /** `kmeans`: the space to cluster in. Default: pixels. */
  readonly embed?: Embedding;
}

/**
 * First synthetic images, `[K·ipc, H, W, C]` in normalised space, class by class. The caller owns the tensor.
 *
 * @throws {ConfigError} if `ipc` is not a positive whole number.
 * @throws {DataError} if a class has fewer real images than `ipc` (`real`, `kmeans`).
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
  const positions = classes.flatMap((name, label) => {
    const members = real.ofClass(label);
    if (members.length < ipc) {
      throw new DataError(
        `${dataset.name}: class "${name}" has ${members.length} training images, wanted at least ipc = ${ipc}; lower ipc or use initialisation "noise"`,
      );
    }
    const own = foldIn(key, label);
    return Array.from(
      kind === "real" ? choice(own, members, ipc) : kMeansMembers(real, members, ipc, own, options.embed),
    );
  });
  return real.read(positions);
}
