import type { ImageShape } from "../dataset/image-dataset.ts";
import { pool } from "../grad/pool.ts";
import { convLayer } from "./conv-layer.ts";
import { checkWidth, featureNetwork, type FeatureNetworkOptions } from "./feature-network.ts";
import type { ImageLayer } from "./network-plan.ts";
import type { Network } from "./network.ts";
import { optionSuffix } from "./option-suffix.ts";
import { basicBlock, bottleneckBlock } from "./residual-block.ts";
import { stemPooling } from "./stem-pooling.ts";

export interface ResNetOptions extends FeatureNetworkOptions {
  /** The AP variant of ResNet-18: average pooling by 2 instead of strides. Default false. */
  readonly averagePooling?: boolean;
  /**
   * `small`: 3 × 3 convolution (the default); `imagenet`: 7 × 7 with stride 2, then max pooling by 2 of 3 × 3 windows, and one
   * average over all positions at the end.
   */
  readonly stem?: "small" | "imagenet";
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

/** Blocks of each of the four stages. */
const STAGES = { resnet18: [2, 2, 2, 2], resnet50: [3, 4, 6, 3] } as const;

/**
 * ResNet-18 for small images: 3 × 3 stem, four stages of two basic blocks, average pooling by 4 (none in the AP variant), one
 * linear layer. Default width 64, instance normalisation. Its blocks are the stem and the eight basic blocks.
 *
 * @throws {ConfigError} if an option is out of range or the images are too small.
 * @see He et al., "Deep Residual Learning for Image Recognition"; the AP variant: Zhao et al., "Dataset Condensation with
 * Gradient Matching".
 */
export function resnet18(options: ResNetOptions): Network {
  return resnet("resnet18", options);
}

/**
 * ResNet-50: as {@link resnet18} with 3, 4, 6 and 3 bottleneck blocks, the stride on the 3 × 3 convolution.
 *
 * @throws {ConfigError} if an option is out of range or the images are too small.
 */
export function resnet50(options: Omit<ResNetOptions, "averagePooling">): Network {
  return resnet("resnet50", options);
}

function resnet(depth: keyof typeof STAGES, options: ResNetOptions): Network {
  const { width = 64, norm = "instance", activation = "relu", averagePooling = false } = options;
  const isLarge = options.stem === "imagenet";
  const globalPooling = isLarge || (options.globalPooling ?? false);
  const spelt = {
    width,
    norm,
    activation,
    globalPooling: globalPooling && !isLarge,
    pooling: "avg",
  } as const;
  const suffix = optionSuffix(spelt, { width: 64, norm: "instance", pooling: "avg" });
  const name = `${depth}${isLarge ? "-imagenet" : averagePooling ? "-ap" : ""}${suffix}`;
  checkWidth(name, width);
  return featureNetwork(name, { ...options, globalPooling }, (plan, input) => {
    const window = isLarge ? { kernel: 7, pad: 3, stride: 2 } : { kernel: 3, pad: 1 };
    const stem = convLayer(plan, "stem", input, { ...window, filters: width, bias: false, norm, activation });
    const layers: ImageLayer[] = isLarge ? [stem, stemPooling(stem.outputShape)] : [stem];
    for (const [stage, blocks] of STAGES[depth].entries()) {
      for (let block = 0; block < blocks; block++) {
        const filters = width << stage;
        const stride = stage > 0 && block === 0 ? 2 : 1;
        const place = `stage${stage + 1}/block${block + 1}`;
        const shape = layers.at(-1)!.outputShape;
        const shared = { filters, stride, norm, activation } as const;
        layers.push(
          depth === "resnet50"
            ? bottleneckBlock(plan, place, shape, shared)
            : basicBlock(plan, place, shape, { ...shared, averagePooling }),
        );
      }
    }
    if (!averagePooling && !globalPooling) layers.push(finalPooling(layers.at(-1)!.outputShape));
    return layers;
  });
}
