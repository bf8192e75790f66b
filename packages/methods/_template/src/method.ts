import { choice, foldIn, initialise, type DistillationMethod } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { meanEmbeddingConfigSchema } from "./config.ts";
import { meanEmbeddingDistance } from "./loss.ts";
import { meanEmbeddingPresets } from "./presets.ts";

/** All that is kept between two steps; a run's checkpoint is exactly this. */
export type MeanEmbeddingState = {
  /** `[K·ipc, H, W, C]`, normalised space, grouped by class. */
  readonly images: tf.Tensor4D;
};

/**
 * Synthetic images whose mean embedding, class by class, equals that of real images under random networks.
 *
 *     L = mean_c ‖ mean ψ(R_c) − mean ψ(S_c) ‖²,  ψ the embedding of a freshly initialised network
 *
 * @see Zhao and Bilen, "Dataset Condensation with Distribution Matching" (WACV 2023), algorithm 1.
 * Differs: no augmentation and no momentum, to stay short; mean over classes, not sum, so that the step does not grow with them.
 */
export const meanEmbedding: DistillationMethod<typeof meanEmbeddingConfigSchema, MeanEmbeddingState> = {
  id: "mean-embedding",
  title: "Mean embedding",
  cite: `@inproceedings{zhao2023dm,
  title     = {Dataset Condensation with Distribution Matching},
  author    = {Zhao, Bo and Bilen, Hakan},
  booktitle = {IEEE/CVF Winter Conference on Applications of Computer Vision},
  year      = {2023}
}`,
  configSchema: meanEmbeddingConfigSchema,
  presets: meanEmbeddingPresets,
  openEnded: true,
  steps: (config) => config.iterations,

  forecast(context, { ipc, network: name, realBatch }) {
    const network = context.network(name);
    const classes = context.dataset.classes.length;
    const [height, width, channels] = context.dataset.shape;
    const setFloats = classes * ipc * height * width * channels;
    return {
      // Real images pass forward, synthetic ones forward and back; a backward pass costs two forward ones.
      multiplyAddsPerStep: network.multiplyAdds * classes * (realBatch + 3 * ipc),
      peakBytes: 4 * (network.activationFloats * (realBatch + ipc) + 3 * setFloats),
      setBytes: 4 * setFloats + 4 * classes * ipc,
    };
  },

  init({ dataset, real, key }, { ipc }) {
    return { images: initialise({ kind: "real", dataset, real, ipc, key: foldIn(key, "initialise") }) };
  },

  step(context, { images }, config, step) {
    const { dataset, real } = context;
    const { ipc, imageLearningRate, realBatch } = config;
    const key = foldIn(context.key, step);
    const network = context.network(config.network);
    const { moved, loss } = tf.tidy(() => {
      const theta = network.init(foldIn(key, "network"));
      // Class by class, so that memory does not grow with their number.
      const parts = dataset.classes.map((_, label) => {
        const members = real.ofClass(label);
        const drawn = choice(foldIn(key, label), members, Math.min(realBatch, members.length));
        const target = tf.tidy(() => network.apply(theta, real.read(drawn)).embedding);
        const own = tf.slice(images, [label * ipc, 0, 0, 0], [ipc, -1, -1, -1]);
        const distance = (x: tf.Tensor): tf.Scalar =>
          meanEmbeddingDistance(
            target,
            network.apply(theta, x as tf.Tensor4D, { differentiate: "images" }).embedding,
          );
        return tf.tidy(() => tf.valueAndGrad(distance)(own));
      });
      const gradient = tf.div(tf.concat(parts.map(({ grad }) => grad)), parts.length);
      const moved: tf.Tensor4D = tf.sub(images, tf.mul(gradient, imageLearningRate));
      const loss: tf.Scalar = tf.mean(tf.stack(parts.map(({ value }) => value)));
      return { moved, loss };
    });
    const value = loss.dataSync()[0]!;
    loss.dispose();
    return { state: { images: moved }, loss: value, terms: { mean: value } };
  },

  result({ dataset }, { images }, { ipc }) {
    const size = dataset.classes.length * ipc;
    return {
      images: Float32Array.from(images.dataSync()),
      size,
      shape: dataset.shape,
      classes: dataset.classes,
      labels: { kind: "hard", values: Int32Array.from({ length: size }, (_, i) => Math.floor(i / ipc)) },
      normalisation: dataset.normalisation,
      augmentation: "none",
    };
  },
};
