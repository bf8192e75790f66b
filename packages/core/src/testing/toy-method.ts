import * as tf from "@tensorflow/tfjs-core";
import { z } from "zod";
import type { DistillationMethod, RunContext } from "../method/method.ts";
import { choice, integers, normal } from "../random/draw.ts";
import { foldIn } from "../random/key.ts";

export const toyConfigSchema = z.strictObject({
  ipc: z.int().min(1),
  iterations: z.int().min(1).default(20),
  learningRate: z.number().positive().default(0.2).describe("step of the gradient descent with momentum"),
  momentum: z.number().min(0).max(1).default(0.5),
  realBatch: z.int().min(1).default(4),
});
export type ToyConfig = z.output<typeof toyConfigSchema>;

/** A type, not an interface: only types fit the index signature of a state. */
export type ToyState = {
  /** `[K·ipc, H, W, C]` */
  readonly images: tf.Tensor4D;
  readonly labels: tf.Tensor1D;
  readonly optimiser: { readonly velocity: tf.Tensor4D; readonly steps: number };
};

/**
 * The smallest method that has everything a run must keep: images pulled towards the mean of a random real batch of
 * their class, with momentum. Needs no network.
 *
 *     L = Σ_c ‖ mean(batch of c) − S_c ‖² / (number of synthetic pixels)
 */
export const toyMethod: DistillationMethod<typeof toyConfigSchema, ToyState> = {
  id: "toy",
  title: "Class means with momentum",
  cite: "@misc{toy, title = {Class means with momentum}}",
  configSchema: toyConfigSchema,
  presets: { sample: { status: "sample", source: "runs in a moment", dataset: "any", config: { ipc: 1 } } },
  openEnded: true,
  steps: (config) => config.iterations,
  forecast: ({ dataset }, { ipc, realBatch }) => {
    const [height, width, channels] = dataset.shape;
    const pixels = dataset.classes.length * height * width * channels;
    return {
      multiplyAddsPerStep: pixels * (ipc + realBatch),
      peakBytes: 4 * pixels * (3 * ipc + realBatch),
      setBytes: 4 * pixels * ipc,
    };
  },
  init({ dataset, key }, { ipc }) {
    const shape: [number, number, number, number] = [dataset.classes.length * ipc, ...dataset.shape];
    const noise = normal(foldIn(key, "init"), shape[0] * shape[1] * shape[2] * shape[3]);
    return {
      images: tf.tensor4d(noise, shape),
      labels: tf.tensor1d(
        Int32Array.from({ length: shape[0] }, (_, i) => Math.floor(i / ipc)),
        "int32",
      ),
      optimiser: { velocity: tf.zeros(shape), steps: 0 },
    };
  },
  step(context, { images, labels, optimiser }, config, step) {
    const { loss, velocity, moved } = tf.tidy(() => {
      const difference = tf.sub(images, batchMeans(context, config, step));
      const velocity: tf.Tensor4D = tf.add(
        tf.mul(optimiser.velocity, config.momentum),
        tf.mul(difference, 2),
      );
      const moved: tf.Tensor4D = tf.sub(images, tf.mul(velocity, config.learningRate));
      return { loss: tf.mean(tf.square(difference)), velocity, moved };
    });
    const value = loss.dataSync()[0]!;
    loss.dispose();
    const state = { images: moved, labels, optimiser: { velocity, steps: optimiser.steps + 1 } };
    return { state, loss: value, terms: { mean: value } };
  },
  result({ dataset }, { images, labels }) {
    return {
      images: Float32Array.from(images.dataSync()),
      size: images.shape[0],
      shape: dataset.shape,
      classes: dataset.classes,
      labels: { kind: "hard", values: Int32Array.from(labels.dataSync()) },
      normalisation: dataset.normalisation,
      augmentation: "none",
    };
  },
};

/** Mean of a random real batch of each image's class, `[K·ipc, H, W, C]`. */
function batchMeans(
  { dataset, real, key }: RunContext,
  { ipc, realBatch }: ToyConfig,
  step: number,
): tf.Tensor {
  const stepKey = foldIn(foldIn(key, "step"), step);
  const means = dataset.classes.map((_, label) => {
    const candidates = real.ofClass(label);
    const drawn = foldIn(stepKey, label);
    const batch =
      realBatch <= candidates.length
        ? choice(drawn, candidates, realBatch)
        : integers(drawn, realBatch, 0, candidates.length).map((i) => candidates[i]!);
    return tf.mean(real.read(batch), 0, true);
  });
  return tf.concat(means.flatMap((mean) => Array.from({ length: ipc }, () => mean)));
}
