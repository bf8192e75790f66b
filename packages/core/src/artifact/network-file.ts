import * as tf from "@tensorflow/tfjs-core";
import { z } from "zod";
import type { ImageShape, Normalisation } from "../dataset/image-dataset.ts";
import { DataError } from "../errors.ts";
import { createNetwork } from "../nn/create-network.ts";
import type { Network, NetworkStatistics } from "../nn/network.ts";
import { writeFileBeside } from "./durable-file.ts";
import {
  encodeSafetensors,
  readSafetensors,
  readSafetensorsMetadata,
  type SafetensorsTensor,
} from "./safetensors.ts";

/** A trained network of the zoo and what it was trained for. The caller owns the tensors. */
export interface TrainedModel {
  readonly network: Network;
  /** `[P]`. */
  readonly theta: tf.Tensor1D;
  /** Running statistics, where the network uses batch normalisation. */
  readonly statistics?: NetworkStatistics;
  readonly classes: readonly string[];
  readonly normalisation: Extract<Normalisation, { kind: "mean-std" }>;
}

const METADATA_KEY = "limbeck.network";

const describedSchema = z.strictObject({
  network: z.string(),
  inputShape: z.tuple([z.int().min(1), z.int().min(1), z.int().min(1)]),
  classes: z.array(z.string()).min(1),
  normalisation: z.strictObject({
    kind: z.literal("mean-std"),
    mean: z.array(z.number()),
    std: z.array(z.number().positive()),
  }),
});

/**
 * Writes a trained network of the zoo as safetensors: `theta`, for batch normalisation `mean.0`, `variance.0`, … in layer order, and
 * as metadata its name, image shape, classes and normalisation.
 *
 * @throws {RunError} if the disk is full or the path cannot be written.
 */
export async function writeNetwork(path: string, model: TrainedModel): Promise<void> {
  const { network, theta, statistics, classes, normalisation } = model;
  const tensors: Record<string, SafetensorsTensor> = { theta: await stored(theta) };
  for (const [i, mean] of (statistics?.mean ?? []).entries()) {
    tensors[`mean.${i}`] = await stored(mean);
    tensors[`variance.${i}`] = await stored(statistics!.variance[i]!);
  }
  const described = { network: network.name, inputShape: network.inputShape, classes, normalisation };
  writeFileBeside(
    path,
    encodeSafetensors({ tensors, metadata: { [METADATA_KEY]: JSON.stringify(described) } }),
  );
}

async function stored(x: tf.Tensor): Promise<SafetensorsTensor> {
  return { shape: x.shape, data: Float32Array.from(await x.data()) };
}

/**
 * Name of the network in a file that {@link writeNetwork} wrote; undefined for other safetensors. Its tensors are not read.
 *
 * @throws {DataError} if the file cannot be read or is not safetensors.
 */
export function networkNameOf(path: string): string | undefined {
  const text = readSafetensorsMetadata(path)[METADATA_KEY];
  return text === undefined ? undefined : parse(path, text).network;
}

/**
 * Reads what {@link writeNetwork} wrote.
 *
 * @throws {DataError} if the file is damaged, not a network of the suite, or its tensors do not fit the network.
 */
export function readNetwork(path: string): TrainedModel {
  const { tensors, metadata } = readSafetensors(path);
  const described = parse(path, metadata[METADATA_KEY]);
  const inputShape: ImageShape = described.inputShape;
  const network = createNetwork(described.network, { inputShape, classes: described.classes.length });
  const take = (name: string, length?: number): tf.Tensor1D => {
    const entry = tensors[name];
    if (entry === undefined) throw new DataError(`${path}: wanted a tensor "${name}", got none`);
    const { shape, data } = entry;
    const fits = shape.length === 1 && (length === undefined || shape[0] === length);
    if (!fits || !(data instanceof Float32Array)) {
      throw new DataError(`${path}: "${name}" must be float32 [${length ?? "C"}], got [${shape.join(",")}]`);
    }
    return tf.tensor1d(data);
  };
  const layers = Object.keys(tensors).filter((name) => name.startsWith("mean.")).length;
  const wanted = 1 + 2 * layers;
  if (Object.keys(tensors).length !== wanted || (layers === 0) === network.usesBatchStatistics) {
    throw new DataError(
      `${path}: the tensors ${Object.keys(tensors).join(", ")} are not those of ${network.name}`,
    );
  }
  const made: tf.Tensor[] = [];
  try {
    const keep = (x: tf.Tensor1D): tf.Tensor1D => {
      made.push(x);
      return x;
    };
    const theta = keep(take("theta", network.parameterCount));
    const mean = Array.from({ length: layers }, (_, i) => keep(take(`mean.${i}`)));
    const variance = mean.map((each, i) => keep(take(`variance.${i}`, each.shape[0])));
    const { classes, normalisation } = described;
    const statistics = layers === 0 ? {} : { statistics: { mean, variance } };
    return { network, theta, ...statistics, classes, normalisation };
  } catch (error) {
    tf.dispose(made);
    throw error;
  }
}

function parse(path: string, text: string | undefined): z.output<typeof describedSchema> {
  if (text === undefined) {
    throw new DataError(
      `${path}: wanted a network of the suite, got other safetensors (no "${METADATA_KEY}")`,
    );
  }
  try {
    return describedSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new DataError(`${path}: the metadata does not describe a network; the file is damaged`, {
      cause: error,
    });
  }
}
