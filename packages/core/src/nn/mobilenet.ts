import * as tf from "@tensorflow/tfjs-core";
import type { ImageShape } from "../dataset/image-dataset.ts";
import { convLayer, recordBlock } from "./conv-layer.ts";
import type { NetworkInput } from "./define-network.ts";
import { depthwiseLayer } from "./depthwise-layer.ts";
import { checkWidth, featureNetwork } from "./feature-network.ts";
import type { ImageLayer, NetworkPlan } from "./network-plan.ts";
import type { Network } from "./network.ts";

export interface MobileNetOptions extends NetworkInput {
  /** Filters of the stem, 32 by default; the others keep their proportion, rounded to multiples of 8 as published. */
  readonly width?: number;
  /** Strides of `small` images (those before 8 × 8 features at 32 × 32 left out; the default) or of the paper. */
  readonly stem?: "small" | "imagenet";
}

/** Expansion t, channels c, repetitions n and first stride s: table 2 of the paper. */
const STAGES: readonly (readonly [t: number, c: number, n: number, s: 1 | 2])[] = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];
const USUAL_WIDTH = 32;
const LAST = 1280;

/** To the nearest multiple of 8, not below 8 and not more than a tenth below. */
function divisible(channels: number): number {
  const rounded = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}

function relu6(x: tf.Tensor4D): tf.Tensor4D {
  return tf.clipByValue(x, 0, 6);
}

/** `convLayer` of k × k with batch normalisation and without activation. */
function plainLayer(
  plan: NetworkPlan,
  name: string,
  input: ImageShape,
  options: { readonly filters: number; readonly kernel: number; readonly stride?: number },
): ImageLayer {
  const shared = { bias: false, norm: "batch", activation: "identity", isBlock: false } as const;
  return convLayer(plan, name, input, { ...shared, ...options, pad: (options.kernel - 1) / 2 });
}

/** Expansion by 1 × 1, depthwise 3 × 3, projection by 1 × 1; the input is added where the shapes agree. */
function invertedResidual(
  plan: NetworkPlan,
  name: string,
  input: ImageShape,
  { expansion, filters, stride }: { expansion: number; filters: number; stride: 1 | 2 },
): ImageLayer {
  const hidden = expansion * input[2];
  const expand =
    expansion === 1 ? undefined : plainLayer(plan, `${name}/expand`, input, { filters: hidden, kernel: 1 });
  const spatial = depthwiseLayer(plan, `${name}/spatial`, expand?.outputShape ?? input, stride);
  const project = plainLayer(plan, `${name}/project`, spatial.outputShape, { filters, kernel: 1 });
  const adds = stride === 1 && input[2] === filters;
  return {
    outputShape: project.outputShape,
    forward: (pass, x) => {
      const wide = expand === undefined ? x : relu6(expand.forward(pass, x));
      const narrow = project.forward(pass, relu6(spatial.forward(pass, wide)));
      const a = adds ? tf.add<tf.Tensor4D>(x, narrow) : narrow;
      recordBlock(pass, a);
      return a;
    },
  };
}

function withRelu6(layer: ImageLayer): ImageLayer {
  return {
    outputShape: layer.outputShape,
    forward: (pass, x) => {
      const a = relu6(layer.forward(pass, x));
      recordBlock(pass, a);
      return a;
    },
  };
}

/**
 * MobileNet-V2: 3 × 3 stem, 17 inverted residual blocks with ReLU6, 1 × 1 convolution to 1280 channels, average over all
 * positions, one linear layer; batch normalisation throughout. Its blocks are the stem, the 17 and the last convolution.
 *
 * Differs: no dropout before the last layer.
 *
 * @throws {ConfigError} if an option is out of range or the images are too small.
 * @see Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (CVPR 2018), table 2.
 */
export function mobilenetV2({ width = USUAL_WIDTH, stem = "small", ...input }: MobileNetOptions): Network {
  const isSmall = stem === "small";
  const name = `mobilenetv2${isSmall ? "" : "-imagenet"}${width === USUAL_WIDTH ? "" : `-w${width}`}`;
  checkWidth(name, width);
  const scaled = (channels: number): number => divisible((channels * width) / USUAL_WIDTH);
  return featureNetwork(name, { ...input, globalPooling: true }, (plan, shape) => {
    const first = { filters: scaled(32), kernel: 3, stride: isSmall ? 1 : 2 };
    const layers: ImageLayer[] = [withRelu6(plainLayer(plan, "stem", shape, first))];
    let block = 0;
    for (const [stage, [expansion, channels, repeats, firstStride]] of STAGES.entries()) {
      for (let i = 0; i < repeats; i++) {
        const stride = i > 0 || (isSmall && stage === 1) ? 1 : firstStride;
        const place = `block${++block}`;
        const own = { expansion, filters: scaled(channels), stride };
        layers.push(invertedResidual(plan, place, layers.at(-1)!.outputShape, own));
      }
    }
    const last = { filters: divisible(LAST * Math.max(1, width / USUAL_WIDTH)), kernel: 1 };
    layers.push(withRelu6(plainLayer(plan, "last", layers.at(-1)!.outputShape, last)));
    return layers;
  });
}
