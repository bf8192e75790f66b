import * as tf from "@tensorflow/tfjs-core";
import type { Normalisation } from "../dataset/image-dataset.ts";
import { contrastiveView } from "../augment/contrastive-view.ts";
import { DataError } from "../errors.ts";
import type { RealImages } from "../method/method.ts";
import type { Network } from "../nn/network.ts";
import { foldIn, type Key } from "../random/key.ts";
import type { EncoderConfig } from "./encoder-config.ts";
import { ntXent } from "./nt-xent.ts";
import { recipeSchema } from "./recipe.ts";
import { trainEpochs, type TrainedParameters, type TrainingCourse } from "./train-epochs.ts";
import { optimiserStep } from "./train-step.ts";
import { freshViews } from "./views.ts";

export interface ContrastiveOptions extends TrainingCourse {
  /** What it embeds is trained; its class scores are not. */
  readonly network: Network;
  /** Made for the network's embeddings. */
  readonly projection: Network;
  readonly real: RealImages;
  /** Training images to learn from. */
  readonly positions: Int32Array;
  readonly normalisation: Normalisation;
  /** Whether views may be mirrored. */
  readonly flip: boolean;
  readonly config: EncoderConfig;
  /** Decides initial parameters, order and views. */
  readonly key: Key;
}

/**
 * Trains a network's embedding without labels: two random views of every image of a batch, and {@link ntXent} between their projections.
 * Same arguments, same back end: same bits. An epoch's last batch is left out where it is smaller. Batch normalisation sees both views
 * together; its running statistics are those of views.
 *
 * Differs: SGD with momentum in place of LARS, which is for batches of thousands.
 *
 * @returns `theta`: the network's parameters, then the projection's.
 * @throws {DataError} if there are fewer than two images.
 * @throws {RunError} if the loss is not finite, naming the epoch.
 * @see Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations" (ICML 2020), algorithm 1.
 */
export async function trainContrastive(options: ContrastiveOptions): Promise<TrainedParameters> {
  const { network, projection, real, positions, normalisation, flip, config, key } = options;
  const { epochs, learningRate, weightDecay, temperature, views } = config;
  const title = `training the encoder ${network.name}`;
  if (positions.length < 2) {
    throw new DataError(
      `${title}: wanted at least two images to tell apart, got ${positions.length}; give more, or hold fewer out`,
    );
  }
  const batchSize = Math.min(config.batchSize, positions.length);
  const viewOf = freshViews(key, positions.length, batchSize);
  const sizes = [network.parameterCount, projection.parameterCount];
  return trainEpochs({
    ...options,
    title,
    recipe: recipeSchema.parse({
      optimiser: "sgd",
      learningRate,
      momentum: 0.9,
      weightDecay,
      epochs,
      schedule: { kind: "cosine" },
    }),
    batchesPerEpoch: Math.floor(positions.length / batchSize),
    usesBatchStatistics: network.usesBatchStatistics,
    init: () =>
      tf.tidy(() =>
        tf.concat([network.init(foldIn(key, "init")), projection.init(foldIn(key, "projection"))]),
      ),
    step({ epoch, batch, ...at }) {
      const { chosen, key: own } = viewOf(epoch, batch);
      const images = real.read(chosen === undefined ? positions : chosen.map((i) => positions[i]!));
      const [first, second] = ["first", "second"].map((which) =>
        contrastiveView(images, { ...views, flip, normalisation, key: foldIn(own, which) }),
      ) as [tf.Tensor4D, tf.Tensor4D];
      const both = tf.concat([first, second]);
      const step = optimiserStep(at, (theta) => {
        const [encoder, head] = tf.split(theta, sizes) as [tf.Tensor1D, tf.Tensor1D];
        const { embedding } = network.apply(encoder, both, { differentiate: "parameters" });
        const [rows, features] = embedding.shape;
        const z = projection.apply(head, tf.reshape(embedding, [rows, 1, 1, features])).logits;
        return ntXent(z, temperature);
      });
      return {
        ...step,
        batchStatistics: () => network.batchStatistics(tf.slice(at.theta, 0, network.parameterCount), both),
      };
    },
  });
}
