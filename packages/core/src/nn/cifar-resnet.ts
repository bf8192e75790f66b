import { ConfigError } from "../errors.ts";
import { convLayer } from "./conv-layer.ts";
import { checkWidth, featureNetwork, type FeatureNetworkOptions } from "./feature-network.ts";
import type { ImageLayer } from "./network-plan.ts";
import type { Network } from "./network.ts";
import { optionSuffix } from "./option-suffix.ts";
import { basicBlock } from "./residual-block.ts";

export interface CifarResNetOptions extends Omit<FeatureNetworkOptions, "globalPooling"> {
  /** Layers with parameters: 6n + 2. Default 20. */
  readonly depth?: number;
}

const STAGES = 3;

/**
 * The residual networks of the paper's CIFAR-10 section: 3 × 3 stem, three stages of n basic blocks with 1, 2 and 4 times the
 * width, parameter-free shortcuts (option A), average over all positions, one linear layer. Default width 16, batch
 * normalisation. Its blocks are the stem and the 3n basic blocks.
 *
 * @throws {ConfigError} if an option is out of range or the images are too small.
 * @see He et al., "Deep Residual Learning for Image Recognition", section 4.2.
 */
export function cifarResnet(options: CifarResNetOptions): Network {
  const { depth = 20, width = 16, norm = "batch", activation = "relu" } = options;
  const spelt = { width, norm, activation, globalPooling: false, pooling: "avg" } as const;
  const name = `resnet${depth}${optionSuffix(spelt, { width: 16, norm: "batch", pooling: "avg" })}`;
  checkWidth(name, width);
  const blocks = (depth - 2) / (2 * STAGES);
  if (!Number.isInteger(blocks) || blocks < 1) {
    throw new ConfigError(`${name}: depth must be 6n + 2, such as 20, 32 or 56, got ${depth}`);
  }
  return featureNetwork(name, { ...options, globalPooling: true }, (plan, input) => {
    const stem = { filters: width, kernel: 3, pad: 1, bias: false, norm, activation } as const;
    const layers: ImageLayer[] = [convLayer(plan, "stem", input, stem)];
    for (let stage = 0; stage < STAGES; stage++) {
      for (let block = 0; block < blocks; block++) {
        const place = `stage${stage + 1}/block${block + 1}`;
        const stride = stage > 0 && block === 0 ? 2 : 1;
        const own = { filters: width << stage, stride, norm, activation, shortcut: "padding" } as const;
        layers.push(basicBlock(plan, place, layers.at(-1)!.outputShape, own));
      }
    }
    return layers;
  });
}
