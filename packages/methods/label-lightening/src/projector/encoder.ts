import { createHash } from "node:crypto";
import {
  createNetwork,
  embeddingHead,
  type ImageShape,
  type Network,
  type NetworkStatistics,
  type TrainedModel,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/** A linear head on an encoder's features. */
export interface HeadWeights {
  readonly classes: number;
  /** `[D, classes]` row-major. */
  readonly weight: Float32Array;
}

/** An image encoder that both sides have: whoever makes labels and whoever trains on them. */
export interface Encoder {
  /** SHA-256 over its parameters, hexadecimal. */
  readonly sha256: string;
  readonly name: string;
  readonly inputShape: ImageShape;
  /** Number of features D. */
  readonly features: number;
  readonly normalisation: TrainedModel["normalisation"];
  /** Fixed statistics of its batch normalisation. */
  readonly statistics?: NetworkStatistics;
  /** The encoder with a head: network and parameters. The caller owns the tensor. */
  withHead(head: HeadWeights): { readonly network: Network; readonly theta: tf.Tensor1D };
}

/**
 * A trained network of the zoo as an encoder: everything but its last layer. Its tensors must live as long as the encoder is used.
 *
 * @throws {ConfigError} if the network does not end in a linear layer called `head`.
 */
export function zooEncoder(model: TrainedModel): Encoder {
  const { network, theta, statistics, normalisation } = model;
  const head = embeddingHead("encoder", network);
  const features = head.shape[0]!;
  const hash = createHash("sha256").update(`${network.name} ${network.inputShape.join("x")}`);
  for (const x of [
    tf.slice(theta, 0, head.offset),
    ...(statistics?.mean ?? []),
    ...(statistics?.variance ?? []),
  ]) {
    const values = x.dataSync();
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    if (x.shape[0] === head.offset) x.dispose();
  }
  return {
    sha256: hash.digest("hex"),
    name: network.name,
    inputShape: network.inputShape,
    features,
    normalisation,
    ...(statistics === undefined ? {} : { statistics }),
    withHead({ classes, weight }) {
      const own = createNetwork(network.name, { inputShape: network.inputShape, classes });
      // The head is the last of the parameters: weight, then bias.
      const extended = tf.tidy(() =>
        tf.concat([tf.slice(theta, 0, head.offset), tf.tensor1d(weight), tf.zeros<tf.Rank.R1>([classes])]),
      );
      return { network: own, theta: extended };
    },
  };
}
