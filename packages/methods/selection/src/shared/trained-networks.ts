import {
  foldIn,
  integers,
  recipeSchema,
  samplesAtOnce,
  trainedNetworkPart,
  type PreparedPart,
  type Recipe,
  type RunContext,
  numbersOf,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import type { TrainedConfig } from "./config.ts";

/** Images that pass through a network together. */
const BATCH = 500;

/**
 * How the networks behind a selection are trained: SGD 0.02, momentum 0.9, decay 5e-4, cosine, batches of 128, crop and flip.
 *
 * Differs: DeepCore trains a ResNet-18 for 40 to 200 epochs from a rate of 0.1; this serves ConvNets on a processor.
 */
export function selectionRecipe({ trainingEpochs }: TrainedConfig, { dataset }: RunContext): Recipe {
  return recipeSchema.parse({
    learningRate: 0.02,
    momentum: 0.9,
    weightDecay: 5e-4,
    epochs: trainingEpochs,
    batchSize: 128,
    schedule: { kind: "cosine" },
    augmentation: dataset.mirrorInvariant ? "crop-flip" : "crop",
  });
}

/** Seed of the networks of a run: another seed of the run, other networks. Selections of one seed share theirs. */
export function networkSeed({ key }: RunContext): number {
  return integers(foldIn(key, "selection networks"), 1, 0, 2 ** 31 - 1)[0]!;
}

/** Network `index` of this run as a part to prepare, called `network/INDEX`. */
export function networkPart(context: RunContext, config: TrainedConfig, index = 0): PreparedPart {
  return trainedNetworkPart(context, {
    part: `network/${index}`,
    network: config.network,
    recipe: selectionRecipe(config, context),
    seed: networkSeed(context),
    index,
  });
}

/** Multiply-adds of one forward pass over the training split. */
export function passMultiplyAdds(context: RunContext, { network }: TrainedConfig): number {
  return context.network(network).multiplyAdds * context.dataset.train.size;
}

/** Outputs of a network, row-major. */
export interface Rows {
  readonly values: Float32Array;
  /** Length of a row. */
  readonly width: number;
}

/**
 * Embeddings or class scores of training images under parameters `theta`, one row an image.
 *
 * @param theta `[P]`, in memory.
 */
export function networkRows(
  context: RunContext,
  name: string,
  theta: Float32Array,
  positions: Int32Array,
  output: "embedding" | "logits",
): Rows {
  const network = context.network(name);
  const parameters = tf.tensor1d(theta);
  const parts: Float32Array[] = [];
  const size = Math.min(BATCH, samplesAtOnce());
  for (let start = 0; start < positions.length; start += size) {
    const batch = positions.slice(start, start + size);
    parts.push(numbersOf(() => network.apply(parameters, context.real.read(batch))[output]));
  }
  parameters.dispose();
  const values = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((offset, part) => (values.set(part, offset), offset + part.length), 0);
  return { values, width: values.length / positions.length };
}

/** The trained parameters of the prepared network `network/INDEX`. */
export function trainedParameters({ prepared }: RunContext, index = 0): Float32Array {
  return prepared!(`network/${index}`)["trained"]!.data as Float32Array;
}
