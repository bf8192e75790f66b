import * as tf from "@tensorflow/tfjs-core";
import type { ImageShape } from "../dataset/image-dataset.ts";
import { ConfigError } from "../errors.ts";
import type { Activation } from "./activation.ts";
import type { Norm, Pooling } from "./conv-layer.ts";
import { defineNetwork, type NetworkInput } from "./define-network.ts";
import { flatten, linearLayer } from "./linear-layer.ts";
import type { ImageLayer, NetworkPlan } from "./network-plan.ts";
import type { Network } from "./network.ts";

/** Options of the networks that are a stack of image layers and one linear layer. */
export interface FeatureNetworkOptions extends NetworkInput {
  /** Filters of the first layer; the others keep their proportion. */
  readonly width?: number;
  readonly norm?: Norm;
  readonly activation?: Activation;
  /** Average over all positions before the last layer, for larger images. Default false. */
  readonly globalPooling?: boolean;
}

export interface FeatureLayer {
  readonly filters: number;
  readonly kernel: number;
  readonly pad: number;
  readonly pooling?: Pooling;
}

/** @throws {ConfigError} if `width` is not a positive whole number. */
export function checkWidth(name: string, width: number): void {
  if (!Number.isInteger(width) || width < 1) {
    throw new ConfigError(`${name}: width must be a positive whole number, got ${width}`);
  }
}

/** Image layers, then (average pooling over all positions or) flattening, then one linear layer. */
export function featureNetwork(
  name: string,
  options: FeatureNetworkOptions,
  build: (plan: NetworkPlan, inputShape: ImageShape) => readonly ImageLayer[],
): Network {
  const { inputShape, classes, globalPooling = false } = options;
  return defineNetwork(name, options, (plan) => {
    const layers = build(plan, inputShape);
    const [h, w, c] = layers.at(-1)!.outputShape;
    const head = linearLayer(plan, "head", globalPooling ? c : h * w * c, classes);
    return (pass, images) => {
      const last = layers.reduce((x, layer) => layer.forward(pass, x), images);
      const embedding = globalPooling ? tf.mean<tf.Tensor2D>(last, [1, 2]) : flatten(last);
      return { embedding, logits: head(pass, embedding) };
    };
  });
}
