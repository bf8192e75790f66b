import { ConfigError, foldIn, uniform, type Key, type Network, type ParameterEntry } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/** What is learned of one parameter tensor: a product of rank `rank`, or all of it. */
export interface Adapter {
  /** Name in the network. */
  readonly parameter: string;
  readonly rank: number | "full";
}

/** The adapters of a network as functions of one flat vector φ. */
export interface AdapterLayout {
  readonly adapters: readonly Adapter[];
  /** Numbers in φ: `Σ r·(in + out)`, in = kh·kw·channels of a filter. */
  readonly parameterCount: number;
  /** A start from which nothing is changed: the first factor uniform within 1/√in, the second zero. The caller owns the tensor. */
  init(key: Key): tf.Tensor1D;
  /**
   * The network's parameters with the adapters added: `W + A·B`, A `[in, r]`, B `[r, out]`. Differentiable in both, twice.
   *
   * @param theta `[P]`.
   * @param phi `[parameterCount]`.
   */
  merge(theta: tf.Tensor1D, phi: tf.Tensor1D): tf.Tensor1D;
}

/**
 * Lays out low-rank adapters for a network.
 *
 * @throws {ConfigError} on an unknown parameter, or a rank on what is not a matrix or filter.
 * @see Hu et al., "LoRA: Low-rank adaptation of large language models" (ICLR 2022), equation 3.
 */
export function adapterLayout(network: Network, adapters: readonly Adapter[]): AdapterLayout {
  const known = new Map(network.parameters.map((entry) => [entry.name, entry]));
  const placed = adapters.map(({ parameter, rank }) => {
    const entry = known.get(parameter);
    if (entry === undefined) {
      throw new ConfigError(
        `adapters: ${network.name} has no parameter "${parameter}"; known: ${[...known.keys()].join(", ")}`,
      );
    }
    return { entry, ...sizes(entry, rank) };
  });
  placed.sort((a, b) => a.entry.offset - b.entry.offset);
  const parameterCount = placed.reduce((sum, { length }) => sum + length, 0);
  return {
    adapters,
    parameterCount,
    init(key) {
      const phi = new Float32Array(parameterCount);
      let at = 0;
      for (const { entry, inputs, rank, length } of placed) {
        if (rank !== "full") {
          const bound = 1 / Math.sqrt(inputs);
          phi.set(uniform(foldIn(key, entry.name), inputs * rank, -bound, bound), at);
        }
        at += length;
      }
      return tf.tensor1d(phi);
    },
    merge: (theta, phi) =>
      tf.tidy(() => {
        const pieces: tf.Tensor1D[] = [];
        let done = 0;
        let at = 0;
        for (const { entry, inputs, outputs, rank, length } of placed) {
          if (entry.offset > done) pieces.push(tf.slice(theta, done, entry.offset - done));
          const own = tf.slice(phi, at, length);
          const base = tf.slice(theta, entry.offset, entry.size);
          pieces.push(tf.add(base, rank === "full" ? own : product(own, inputs, rank, outputs)));
          done = entry.offset + entry.size;
          at += length;
        }
        if (done < network.parameterCount) pieces.push(tf.slice(theta, done));
        return tf.concat(pieces);
      }),
  };
}

function product(own: tf.Tensor1D, inputs: number, rank: number, outputs: number): tf.Tensor1D {
  const a = tf.reshape(tf.slice(own, 0, inputs * rank), [inputs, rank]);
  const b = tf.reshape(tf.slice(own, inputs * rank), [rank, outputs]);
  return tf.reshape(tf.matMul(a, b), [inputs * outputs]);
}

function sizes(entry: ParameterEntry, rank: Adapter["rank"]) {
  const outputs = entry.shape.at(-1)!;
  const inputs = entry.size / outputs;
  if (rank === "full") return { inputs, outputs, rank, length: entry.size };
  if (!isMatrix(entry) || !Number.isInteger(rank) || rank < 1) {
    throw new ConfigError(
      `adapters: wanted a rank of at least 1 on a filter or weight, got ${rank} on "${entry.name}" [${entry.shape}]`,
    );
  }
  return { inputs, outputs, rank, length: rank * (inputs + outputs) };
}

/** Filters and dense weights, which have a low rank to speak of; scales, shifts and positions have not. */
function isMatrix({ name, shape }: ParameterEntry): boolean {
  return shape.length >= 2 && /\/(filter|weight)$/.test(name);
}

/**
 * Adapters for every filter and weight of a network, one rank for the encoder and one for the head, whose bias is learned whole. Where
 * factors would need as many numbers as the tensor itself, the tensor is learned.
 */
export function chooseAdapters(
  network: Network,
  { encoderRank, headRank }: { readonly encoderRank: number; readonly headRank: number },
): Adapter[] {
  return network.parameters.flatMap((entry): Adapter[] => {
    const isHead = entry.name.startsWith("head/");
    if (!isMatrix(entry)) return isHead ? [{ parameter: entry.name, rank: "full" }] : [];
    const rank = isHead ? headRank : encoderRank;
    if (rank === 0) return [];
    const full = sizes(entry, rank).length >= entry.size;
    return [{ parameter: entry.name, rank: full ? "full" : rank }];
  });
}
