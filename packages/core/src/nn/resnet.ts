import * as tf from "@tensorflow/tfjs-core";
import type { ImageShape } from "../dataset/image-dataset.ts";
import { pool } from "../grad/pool.ts";
import { activate, type Activation } from "./activation.ts";
import { convLayer, recordBlock, type Norm } from "./conv-layer.ts";
import { checkWidth, featureNetwork, type FeatureNetworkOptions } from "./feature-network.ts";
import type { ImageLayer, NetworkPlan } from "./network-plan.ts";
import type { Network } from "./network.ts";
import { optionSuffix } from "./option-suffix.ts";

export interface ResNetOptions extends FeatureNetworkOptions {
  /** The AP variant: average pooling by 2 instead of strides. Default false. */
  readonly averagePooling?: boolean;
}

interface BasicBlockOptions {
  readonly filters: number;
  readonly stride: 1 | 2;
  readonly averagePooling: boolean;
  readonly norm: Norm;
  readonly activation: Activation;
}

const SLOPE = 0.01;

/**
 * Two 3 × 3 convolutions around a shortcut. Where the shape changes, the shortcut is a 1 × 1 convolution with normalisation.
 *
 * Differs: in the AP variant the shortcut is pooled before its 1 × 1 convolution, not after. The two commute; this one
 * costs a quarter.
 */
function basicBlock(
  plan: NetworkPlan,
  name: string,
  input: ImageShape,
  options: BasicBlockOptions,
): ImageLayer {
  const { filters, stride, averagePooling, norm, activation } = options;
  const pooled = averagePooling && stride === 2;
  const shared = { filters, norm, bias: false, isBlock: false } as const;
  const first = convLayer(plan, `${name}/conv1`, input, {
    ...shared,
    kernel: 3,
    pad: 1,
    activation,
    stride: averagePooling ? 1 : stride,
    pooling: pooled ? "avg" : "none",
  });
  const second = convLayer(plan, `${name}/conv2`, first.outputShape, {
    ...shared,
    kernel: 3,
    pad: 1,
    activation: "identity",
  });
  const [h, w, c] = input;
  const shortcutInput: ImageShape = pooled ? [h >> 1, w >> 1, c] : input;
  const shortcut =
    stride === 2 || c !== filters
      ? convLayer(plan, `${name}/shortcut`, shortcutInput, {
          ...shared,
          kernel: 1,
          pad: 0,
          activation: "identity",
          stride: averagePooling ? 1 : stride,
        })
      : undefined;
  return {
    outputShape: second.outputShape,
    forward: (pass, x) => {
      const main = second.forward(pass, first.forward(pass, x));
      const side = shortcut === undefined ? x : shortcut.forward(pass, pooled ? pool(x, "average", 2) : x);
      const a = activate(tf.add(main, side) as tf.Tensor4D, activation, SLOPE);
      recordBlock(pass, a);
      return a;
    },
  };
}

/** Average pooling by 4 (the whole image at 32 × 32); smaller images are averaged whole. */
function finalPooling(input: ImageShape): ImageLayer {
  const [h, w, c] = input;
  const size = Math.min(4, h, w);
  return {
    outputShape: [Math.floor(h / size), Math.floor(w / size), c],
    forward: (_, x) => pool(x, "average", size),
  };
}

/**
 * ResNet-18 for small images: 3 × 3 stem, four stages of two basic blocks, average pooling by 4 (none in the AP variant), one
 * linear layer. Default width 64, instance normalisation. Its blocks are the stem and the eight basic blocks.
 *
 * @throws {ConfigError} if an option is out of range or the images are too small.
 * @see He et al., "Deep Residual Learning for Image Recognition"; the AP variant: Zhao et al., "Dataset Condensation with
 * Gradient Matching".
 */
export function resnet18(options: ResNetOptions): Network {
  const {
    width = 64,
    norm = "instance",
    activation = "relu",
    globalPooling = false,
    averagePooling = false,
  } = options;
  const spelt = { width, norm, activation, globalPooling, pooling: "avg" } as const;
  const suffix = optionSuffix(spelt, { width: 64, norm: "instance", pooling: "avg" });
  const name = `resnet18${averagePooling ? "-ap" : ""}${suffix}`;
  checkWidth(name, width);
  return featureNetwork(name, options, (plan, input) => {
    const stem = convLayer(plan, "stem", input, {
      filters: width,
      kernel: 3,
      pad: 1,
      bias: false,
      norm,
      activation,
    });
    const layers: ImageLayer[] = [stem];
    for (let stage = 0; stage < 4; stage++) {
      for (let block = 0; block < 2; block++) {
        const filters = width << stage;
        const stride = stage > 0 && block === 0 ? 2 : 1;
        const place = `stage${stage + 1}/block${block + 1}`;
        const shape = layers.at(-1)!.outputShape;
        layers.push(basicBlock(plan, place, shape, { filters, stride, averagePooling, norm, activation }));
      }
    }
    if (!averagePooling && !globalPooling) layers.push(finalPooling(layers.at(-1)!.outputShape));
    return layers;
  });
}
