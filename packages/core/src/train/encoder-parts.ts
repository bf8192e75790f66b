import type { TrainedModel } from "../artifact/network-file.ts";
import { trainingPositions } from "../dataset/held-out.ts";
import type { ImageDataset, Normalisation } from "../dataset/image-dataset.ts";
import { ConfigError } from "../errors.ts";
import type { RunContext } from "../method/method.ts";
import type { PreparedPart } from "../method/prepared-part.ts";
import { embeddingHead } from "../nn/embedding-head.ts";
import { projectionHead } from "../nn/projection-head.ts";
import { foldIn, keyFromSeed, type Key } from "../random/key.ts";
import type { EncoderConfig } from "./encoder-config.ts";
import { weightTensors } from "./network-weights.ts";
import { trainContrastive } from "./train-contrastive.ts";
import type { TrainingCourse } from "./train-epochs.ts";
import { dataIdentity, trainingParts } from "./training-parts.ts";

/** Raise it when training changes its bits: encoders that were made before are then not found any more. */
const VERSION = 1;

/**
 * An encoder trained without labels as parts to prepare, the last of which is the encoder: {@link preparedEncoder}. The parts before it are
 * snapshots, from which an interrupted training goes on to the same bits.
 *
 * @param part Name of the encoder within the run.
 * @param onEpoch Told after each epoch that is trained now.
 * @throws {ConfigError} if the network is unknown or has no embedding, or the images are whitened.
 */
export function encoderParts(
  { dataset, real, network: networkNamed }: RunContext,
  part: string,
  config: EncoderConfig,
  onEpoch?: TrainingCourse["onEpoch"],
): readonly [...PreparedPart[], PreparedPart] {
  const network = networkNamed(config.network);
  const [features] = embeddingHead(part, network).shape as [number];
  const normalisation = meanAndStd(part, dataset);
  const { width = features, outputs } = config.projection;
  const projection = projectionHead(features, width, outputs);
  const flip = dataset.mirrorInvariant;
  const positions = trainingPositions(dataset, config.validationShare);
  return trainingParts({
    part,
    network,
    parameterCount: network.parameterCount + projection.parameterCount,
    epochs: config.epochs,
    identity: {
      kind: "encoder",
      version: VERSION,
      ...dataIdentity(dataset),
      config: { ...config, network: network.name },
      flip,
    },
    // Two views, and three passes of each.
    multiplyAddsPerEpoch: 6 * (network.multiplyAdds + projection.multiplyAdds) * positions.length,
    train: (course) =>
      trainContrastive({
        network,
        projection,
        real,
        positions,
        normalisation,
        flip,
        config,
        key: encoderKey(config),
        ...course,
        ...(onEpoch === undefined ? {} : { onEpoch }),
      }),
  });
}

/** Decides an encoder's initial parameters (folded with `init`), order and views. */
export function encoderKey({ seed }: Pick<EncoderConfig, "seed">): Key {
  return foldIn(keyFromSeed(seed), "encoder");
}

/**
 * The encoder that {@link encoderParts} have prepared, as a network of the zoo whose class scores are all 0: its last layer has learned
 * nothing. The caller owns its tensors.
 */
export function preparedEncoder(context: RunContext, part: string, config: EncoderConfig): TrainedModel {
  const { dataset } = context;
  const network = context.network(config.network);
  const arrays = context.prepared!(part);
  const values = (name: string): Float32Array =>
    (arrays[name]?.data as Float32Array | undefined) ?? new Float32Array();
  const theta = values("theta").slice(0, network.parameterCount).fill(0, embeddingHead(part, network).offset);
  const { theta: vector, statistics } = weightTensors(network, {
    theta,
    mean: values("mean"),
    variance: values("variance"),
  });
  return {
    network,
    theta: vector,
    ...(network.usesBatchStatistics ? { statistics } : {}),
    classes: dataset.classes,
    normalisation: meanAndStd(part, dataset),
  };
}

function meanAndStd(
  part: string,
  { name, normalisation }: ImageDataset,
): Extract<Normalisation, { kind: "mean-std" }> {
  if (normalisation.kind === "mean-std") return normalisation;
  throw new ConfigError(
    `${part}: views are made in colours that can be seen, ${name} is given with whitened images; open the data without whitening`,
  );
}
