import type * as tf from "@tensorflow/tfjs-core";
import type { TrainedModel } from "../artifact/network-file.ts";
import { heldOutSplit, trainingPositions } from "../dataset/held-out.ts";
import type { ImageDataset } from "../dataset/image-dataset.ts";
import { subsetOfSplit } from "../dataset/split.ts";
import { resolveConfig } from "../method/resolve-config.ts";
import type { Network, NetworkStatistics } from "../nn/network.ts";
import { createRunContext } from "../run/run-context.ts";
import type { Accuracy } from "./accuracy.ts";
import { encoderSchema, type EncoderConfig, type EncoderConfigInput } from "./encoder-config.ts";
import { encoderParts, preparedEncoder } from "./encoder-parts.ts";
import { neighbourAccuracy } from "./neighbour-accuracy.ts";
import { prepareAlone } from "./prepare-alone.ts";
import type { ResumableTrainingOptions } from "./training-parts.ts";

/** Images of a class whose embeddings a held-out image is compared with, at most. */
const BANK_PER_CLASS = 500;

/** Name of the encoder among the parts, and what begins its messages. */
const PART = "encoder";

/**
 * A complete configuration of {@link trainEncoder}.
 *
 * @throws {ConfigError} naming the key or value that is wrong, and what is known or wanted.
 */
export function encoderConfig(input: EncoderConfigInput): EncoderConfig {
  return resolveConfig({ id: PART, configSchema: encoderSchema, presets: {} }, { config: input });
}

/**
 * Trains an image encoder on a data set's training images without their labels (SimCLR). Parts that the store has are not made again;
 * stopped and called again it goes on to the same bits.
 *
 * @param options `store`: default the memory of the process.
 * @returns A network of the zoo whose class scores are all 0; the caller owns its tensors.
 * @throws {ConfigError} if the network is unknown or has no embedding, or the images are whitened.
 * @throws {DataError} if there are fewer than two images to learn from, or a stored part is damaged.
 * @throws {RunError} if the loss is not finite.
 * @throws {InterruptedError} if it was asked to stop.
 * @see Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations" (ICML 2020).
 */
export async function trainEncoder(
  dataset: ImageDataset,
  input: EncoderConfigInput,
  options: ResumableTrainingOptions = {},
): Promise<TrainedModel> {
  const config = encoderConfig(input);
  const context = createRunContext(dataset, config.seed);
  const parts = encoderParts(context, PART, config, options.onEpoch);
  const ready = await prepareAlone("train-encoder", context, parts, config, options);
  return preparedEncoder(ready, PART, config);
}

export interface ProbeOptions {
  readonly network: Network;
  /** `[P]`. */
  readonly theta: tf.Tensor1D;
  readonly statistics?: NetworkStatistics;
  /** With the normalisation that the network wants. */
  readonly dataset: ImageDataset;
  /** Share of the training images that the encoder has not seen. */
  readonly validationShare: number;
  readonly signal?: AbortSignal;
}

/**
 * An encoder's quality as a number, for choosing: how many of the held-out training images get their class from the 20 nearest of at most
 * 500 images a class that it was trained on. The test split is not looked at.
 *
 * @see neighbourAccuracy
 */
export async function probeEncoder({ dataset, validationShare, ...model }: ProbeOptions): Promise<Accuracy> {
  const { train, normalisation } = dataset;
  const seen = new Map<number, number>();
  const positions = trainingPositions(dataset, validationShare).filter((position) => {
    const count = (seen.get(train.labels[position]!) ?? 0) + 1;
    seen.set(train.labels[position]!, count);
    return count <= BANK_PER_CLASS;
  });
  return neighbourAccuracy({
    ...model,
    normalisation,
    bank: subsetOfSplit(train, positions),
    queries: heldOutSplit(dataset, validationShare),
  });
}
