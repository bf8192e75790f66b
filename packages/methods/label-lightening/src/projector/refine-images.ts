import { setImmediate } from "node:timers/promises";
import {
  adam,
  batchAugmentation,
  ensureGradients,
  foldIn,
  multiFormation,
  oneHotLabels,
  type Key,
  type OptimiserState,
  type ScoreModel,
  type SyntheticSet,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import type { ProjectorConfig } from "./config.ts";

/** Stored images moved at once. */
const CHUNK = 32;

/**
 * Moves a set's images towards where projector and teacher agree: Adam on the mean squared difference of their centred scores over
 * augmented views, in normalised space.
 *
 * Differs: HeLlO closes the gap between a mosaic's patches and their originals in the encoder's features; a set of any method has no
 * originals, so the gap that is closed here is that of the labels themselves.
 *
 * @returns The images, `[N, H, W, C]` row-major.
 */
export async function refineImages(
  set: SyntheticSet,
  projector: ScoreModel,
  teacher: ScoreModel,
  { refineSteps, refineRate, augmentation }: ProjectorConfig,
  key: Key,
  signal?: AbortSignal,
): Promise<Float32Array> {
  ensureGradients();
  const { shape, size, factor = 1, normalisation } = set;
  const pixels = shape[0] * shape[1] * shape[2];
  const out = set.images.slice();
  const augment = batchAugmentation({ augmentation });
  const optimiser = adam();
  const centred = (x: tf.Tensor2D): tf.Tensor2D => tf.sub(x, tf.mean(x, 1, true));
  for (let start = 0; start < size; start += CHUNK) {
    const count = Math.min(CHUNK, size - start);
    let images = tf.tensor4d(out.slice(start * pixels, (start + count) * pixels), [count, ...shape]);
    let state: OptimiserState = optimiser.init(images);
    try {
      for (let step = 0; step < refineSteps; step++) {
        signal?.throwIfAborted();
        const own = foldIn(foldIn(key, start), step);
        const next = tf.tidy(() => {
          const gap = (x: tf.Tensor): tf.Scalar => {
            const stored = x as tf.Tensor4D;
            const decoded = factor === 1 ? stored : multiFormation(stored, factor, normalisation);
            const labels = oneHotLabels(new Int32Array(decoded.shape[0]), 1);
            const view = augment({ images: decoded, labels }, own).images;
            return tf.mean(
              tf.squaredDifference(centred(projector.scores(view)), centred(teacher.scores(view))),
            );
          };
          return optimiser.update(images, tf.grad(gap)(images) as tf.Tensor4D, state, refineRate) as never;
        }) as unknown as { theta: tf.Tensor4D; state: OptimiserState };
        tf.dispose([images, state as tf.TensorContainer]);
        images = next.theta;
        state = next.state;
        await setImmediate();
      }
      out.set(await images.data(), start * pixels);
    } finally {
      tf.dispose([images, state as tf.TensorContainer]);
    }
  }
  return out;
}
