import * as tf from "@tensorflow/tfjs-core";
import { statSync } from "node:fs";
import { readSafetensors, type SafetensorsFile } from "../artifact/safetensors.ts";
import { DataError } from "../errors.ts";
import type { Network, NetworkStatistics, ParameterEntry } from "../nn/network.ts";
import { publishedNames, type PublishedLayer } from "../nn/published-names.ts";

/** A trained network as plain numbers. */
export interface NetworkWeights {
  /** Flat parameters `[P]`. */
  readonly theta: Float32Array;
  /** Running statistics of every batch normalisation in layer order, one after the other; `variance` as stored. */
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/** Headers and the little that checkpoints hold besides their tensors. */
const SLACK_BYTES = 2 ** 22;
const COUNTER = ".num_batches_tracked";

/** Channels of every batch normalisation, in layer order. */
function normalisedChannels(network: Network): { readonly layer: string; readonly size: number }[] {
  if (!network.usesBatchStatistics) return [];
  return network.parameters
    .filter(({ name }) => name.endsWith("/gamma"))
    .map(({ name, size }) => ({ layer: layerOf(name), size }));
}

function layerOf(parameter: string): string {
  return parameter.slice(0, parameter.lastIndexOf("/"));
}

/**
 * Parameters and running statistics of a network from a safetensors file in torchvision's naming and layout: `conv1.weight`
 * `[O, I, k, k]`, `bn1.running_mean`, `fc.weight` `[K, D]`. Everything that the network has must be there and nothing else, but
 * for counters of batches; a common prefix `module.` is left out. Nothing is executed.
 *
 * @throws {DataError} naming the tensors that are missing, extra, mis-shaped, not float32 or not finite, or a file much larger
 *   than the network.
 * @throws {ConfigError} if the network has no published naming.
 */
export function readNetworkWeights(
  network: Network,
  path: string,
): NetworkWeights & Pick<SafetensorsFile, "metadata"> {
  const entries = wantedTensors(network);
  checkBytes(network, path, entries);
  const { tensors: stored, metadata } = readSafetensors(path);
  const tensors = withoutPrefix(stored);
  const found = entries.map((entry) => ({ ...entry, key: entry.names.find((name) => name in tensors) }));
  const missing = found.filter(({ key }) => key === undefined).map(({ names }) => names[0]!);
  const used = new Set(found.map(({ key }) => key));
  const extra = Object.keys(tensors).filter((name) => !used.has(name) && !name.endsWith(COUNTER));
  if (missing.length > 0 || extra.length > 0) {
    const parts = [
      ...(missing.length > 0 ? [`without ${listed(missing)}`] : []),
      ...(extra.length > 0 ? [`with ${listed(extra)}, which it has not`] : []),
    ];
    throw new DataError(
      `${path}: wanted the tensors of ${network.name}, got a file ${parts.join(" and ")}; give the network that it belongs to`,
    );
  }
  const weights: NetworkWeights = {
    theta: new Float32Array(network.parameterCount),
    mean: new Float32Array(statisticsSize(network)),
    variance: new Float32Array(statisticsSize(network)),
  };
  for (const { key, shape, into, transpose } of found) {
    const { shape: got, data } = tensors[key!]!;
    if (got.length !== shape.length || got.some((length, axis) => length !== shape[axis])) {
      throw new DataError(`${path}: ${key} must have shape [${shape}] for ${network.name}, got [${got}]`);
    }
    if (!(data instanceof Float32Array)) {
      throw new DataError(`${path}: ${key} must be float32, got ${data.constructor.name}`);
    }
    if (!data.every(Number.isFinite))
      throw new DataError(`${path}: ${key} holds numbers that are not finite`);
    if (into.list === "variance" && data.some((value) => value < 0)) {
      throw new DataError(`${path}: ${key} must not be negative: it is a variance`);
    }
    weights[into.list].set(transpose(data), into.offset);
  }
  return { ...weights, metadata };
}

/** One tensor of the file and where it goes. */
interface Wanted {
  readonly names: readonly string[];
  readonly shape: readonly number[];
  readonly into: { readonly list: keyof NetworkWeights; readonly offset: number };
  readonly transpose: (data: Float32Array) => Float32Array;
}

const same = (data: Float32Array): Float32Array => data;

function wantedTensors(network: Network): Wanted[] {
  const published = publishedNames(network);
  const channels = featureChannels(network);
  const parameters = network.parameters.map((entry): Wanted => {
    const kind = entry.name.slice(entry.name.lastIndexOf("/") + 1);
    const layer = published(layerOf(entry.name));
    return {
      names: parameterNames(layer, kind),
      ...storedForm(entry, kind, channels),
      into: { list: "theta", offset: entry.offset },
    };
  });
  let offset = 0;
  const statistics = normalisedChannels(network).flatMap(({ layer, size }): Wanted[] => {
    const { norm } = published(layer);
    const wanted = (list: "mean" | "variance", name: string): Wanted => ({
      names: [`${norm}.${name}`],
      shape: [size],
      into: { list, offset },
      transpose: same,
    });
    const both = [wanted("mean", "running_mean"), wanted("variance", "running_var")];
    offset += size;
    return both;
  });
  return [...parameters, ...statistics];
}

function parameterNames({ weights, norm }: PublishedLayer, kind: string): string[] {
  if (kind === "gamma") return [`${norm}.weight`];
  if (kind === "beta") return [`${norm}.bias`];
  return weights.map((module) => `${module}.${kind === "bias" ? "bias" : "weight"}`);
}

/** Shape in the file, and the way from its order to ours. */
function storedForm(
  { shape }: ParameterEntry,
  kind: string,
  channels: number,
): Pick<Wanted, "shape" | "transpose"> {
  const of = (stored: number[], ours: number[], order: number[]): Pick<Wanted, "shape" | "transpose"> => ({
    shape: stored,
    transpose: (data) => transposed(data, ours, order),
  });
  const [a, b, c, d] = shape as [number, number, number, number];
  if (kind === "filter") return of([d, c, a, b], [d, c, a, b], [2, 3, 1, 0]);
  if (kind === "depthwise") return of([c, 1, a, b], [c, a, b], [1, 2, 0]);
  if (kind === "weight" && shape.length === 2) {
    // A flattened picture is [C, H, W] there and [H, W, C] here.
    return of([b, a], [b, channels, a / channels], [2, 1, 0]);
  }
  return { shape, transpose: same };
}

/** Channels of the last feature map. */
function featureChannels({ parameters }: Network): number {
  return parameters.findLast(({ name }) => name.endsWith("/filter"))?.shape.at(-1) ?? 1;
}

/** `data` of shape `from` with its axes in another order. */
function transposed(data: Float32Array, from: number[], order: number[]): Float32Array {
  const strides = from.map((_, axis) => from.slice(axis + 1).reduce((x, y) => x * y, 1));
  const to = order.map((axis) => from[axis]!);
  const out = new Float32Array(data.length);
  const position = to.map(() => 0);
  for (let i = 0; i < out.length; i++) {
    let at = 0;
    for (let axis = 0; axis < to.length; axis++) at += position[axis]! * strides[order[axis]!]!;
    out[i] = data[at]!;
    for (let axis = to.length - 1; axis >= 0; axis--) {
      const next = position[axis]! + 1;
      position[axis] = next === to[axis] ? 0 : next;
      if (position[axis] !== 0) break;
    }
  }
  return out;
}

function statisticsSize(network: Network): number {
  return normalisedChannels(network).reduce((sum, { size }) => sum + size, 0);
}

function checkBytes(network: Network, path: string, wanted: readonly Wanted[]): void {
  let bytes: number;
  try {
    bytes = statSync(path).size;
  } catch (error) {
    throw new DataError(`${path}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
  const needed = 4 * wanted.reduce((sum, { shape }) => sum + shape.reduce((x, y) => x * y, 1), 0);
  if (bytes > needed + SLACK_BYTES) {
    throw new DataError(
      `${path}: wanted the ${needed} bytes of ${network.name}, got a file of ${bytes}; it belongs to another network`,
    );
  }
}

function withoutPrefix(tensors: SafetensorsFile["tensors"]): SafetensorsFile["tensors"] {
  const entries = Object.entries(tensors);
  if (!entries.every(([name]) => name.startsWith("module."))) return tensors;
  return Object.fromEntries(entries.map(([name, tensor]) => [name.slice("module.".length), tensor]));
}

function listed(names: readonly string[]): string {
  return names.length <= 5
    ? names.join(", ")
    : `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`;
}

/** Weights as tensors, which the caller owns. */
export function weightTensors(
  network: Network,
  { theta, mean, variance }: NetworkWeights,
): { readonly theta: tf.Tensor1D; readonly statistics: NetworkStatistics } {
  const sizes = normalisedChannels(network).map(({ size }) => size);
  const vectors = (values: Float32Array): tf.Tensor1D[] => {
    let offset = 0;
    return sizes.map((size) => tf.tensor1d(values.slice(offset, (offset += size))));
  };
  return { theta: tf.tensor1d(theta), statistics: { mean: vectors(mean), variance: vectors(variance) } };
}
