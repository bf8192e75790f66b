import * as tf from "@tensorflow/tfjs-core";
import type { ImageShape } from "../dataset/image-dataset.ts";
import { ConfigError } from "../errors.ts";
import { convLayer, recordBlock, type ConvLayerOptions } from "./conv-layer.ts";
import type { NetworkInput } from "./define-network.ts";
import { depthwiseLayer } from "./depthwise-layer.ts";
import { checkWidth, featureNetwork } from "./feature-network.ts";
import type { ImageLayer, NetworkPlan } from "./network-plan.ts";
import type { Network } from "./network.ts";
import { stemPooling } from "./stem-pooling.ts";

export interface ShuffleNetOptions extends NetworkInput {
  /** Channels of the first stage: 116 (the published ×1.0, default) or 48 (×0.5); even. */
  readonly width?: number;
  /** `small`: stem without stride and pooling (the default); `imagenet`: both. */
  readonly stem?: "small" | "imagenet";
}

const USUAL_WIDTH = 116;
const STEM = 24;
const LAST = 1024;
const REPEATS = [4, 8, 4] as const;

function layer(
  plan: NetworkPlan,
  name: string,
  input: ImageShape,
  options: Pick<ConvLayerOptions, "filters" | "kernel" | "stride" | "isBlock">,
): ImageLayer {
  const shared = { bias: false, norm: "batch", activation: "relu", isBlock: false } as const;
  return convLayer(plan, name, input, { ...shared, ...options, pad: (options.kernel - 1) / 2 });
}

/** Channels of the two halves take turns. */
function shuffled(a: tf.Tensor4D, b: tf.Tensor4D): tf.Tensor4D {
  const [n, h, w, c] = a.shape;
  return tf.reshape(tf.stack([a, b], 4), [n, h, w, 2 * c]);
}

/** One half of the channels passes (or, with a stride, all pass through a branch of their own); the other is transformed. */
function unit(
  plan: NetworkPlan,
  name: string,
  input: ImageShape,
  filters: number,
  stride: 1 | 2,
): ImageLayer {
  const half = filters / 2;
  const [h, w, c] = input;
  const own: ImageShape = stride === 1 ? [h, w, half] : input;
  let side: ((...args: Parameters<ImageLayer["forward"]>) => tf.Tensor4D) | undefined;
  if (stride === 2) {
    const spatial = depthwiseLayer(plan, `${name}/side/spatial`, input, stride);
    const mix = layer(plan, `${name}/side/mix`, spatial.outputShape, { filters: half, kernel: 1 });
    side = (pass, x) => mix.forward(pass, spatial.forward(pass, x));
  }
  const first = layer(plan, `${name}/main/first`, own, { filters: half, kernel: 1 });
  const spatial = depthwiseLayer(plan, `${name}/main/spatial`, first.outputShape, stride);
  const last = layer(plan, `${name}/main/last`, spatial.outputShape, { filters: half, kernel: 1 });
  const [oh, ow] = last.outputShape;
  return {
    outputShape: [oh, ow, filters],
    forward: (pass, x) => {
      const kept = side?.(pass, x) ?? tf.slice(x, [0, 0, 0, 0], [-1, -1, -1, c - half]);
      const input = stride === 1 ? tf.slice(x, [0, 0, 0, c - half], [-1, -1, -1, half]) : x;
      const main = last.forward(pass, spatial.forward(pass, first.forward(pass, input)));
      const a = shuffled(kept, main);
      recordBlock(pass, a);
      return a;
    },
  };
}

/**
 * ShuffleNet-V2: 3 × 3 stem of 24 filters, three stages of 4, 8 and 4 units with 1, 2 and 4 times the width, 1 × 1 convolution to
 * 1024 channels, average over all positions, one linear layer; batch normalisation throughout. Its blocks are the stem, the
 * 16 units and the last convolution.
 *
 * @throws {ConfigError} if an option is out of range or the images are too small.
 * @see Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design" (ECCV 2018), table 5.
 */
export function shufflenetV2({ width = USUAL_WIDTH, stem = "small", ...input }: ShuffleNetOptions): Network {
  const isSmall = stem === "small";
  const name = `shufflenetv2${isSmall ? "" : "-imagenet"}${width === USUAL_WIDTH ? "" : `-w${width}`}`;
  checkWidth(name, width);
  if (width % 2 !== 0) throw new ConfigError(`${name}: width must be even, got ${width}`);
  return featureNetwork(name, { ...input, globalPooling: true }, (plan, shape) => {
    const first = { filters: STEM, kernel: 3, stride: isSmall ? 1 : 2, isBlock: true };
    const layers: ImageLayer[] = [layer(plan, "stem", shape, first)];
    if (!isSmall) layers.push(stemPooling(layers[0]!.outputShape));
    for (const [stage, repeats] of REPEATS.entries()) {
      for (let i = 0; i < repeats; i++) {
        const place = `stage${stage + 2}/unit${i + 1}`;
        layers.push(unit(plan, place, layers.at(-1)!.outputShape, width << stage, i === 0 ? 2 : 1));
      }
    }
    const last = { filters: LAST, kernel: 1, isBlock: true };
    layers.push(layer(plan, "last", layers.at(-1)!.outputShape, last));
    return layers;
  });
}
