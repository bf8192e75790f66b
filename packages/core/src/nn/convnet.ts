import { ConfigError } from "../errors.ts";
import { convLayer, type Pooling } from "./conv-layer.ts";
import { firstPadding } from "./first-padding.ts";
import { checkWidth, featureNetwork, type FeatureNetworkOptions } from "./feature-network.ts";
import type { ImageLayer } from "./network-plan.ts";
import type { Network } from "./network.ts";
import { optionSuffix } from "./option-suffix.ts";

export interface ConvNetOptions extends FeatureNetworkOptions {
  /** Number of blocks. Default 3. */
  readonly depth?: number;
  /** By 2 after each block. Default `avg`. */
  readonly pooling?: Pooling;
}

/**
 * The ConvNet of the field: blocks of 3 × 3 convolution, normalisation, activation and pooling by 2, then one linear layer.
 * Default depth 3, width 128, instance normalisation, ReLU (`leakyrelu` has slope 0.01), average pooling.
 *
 * @throws {ConfigError} if an option is out of range or the images are too small for the depth.
 * @see Gidaris and Komodakis, "Dynamic Few-Shot Visual Learning without Forgetting"; Zhao et al., "Dataset Condensation with
 * Gradient Matching".
 */
export function convnet(options: ConvNetOptions): Network {
  const {
    inputShape,
    depth = 3,
    width = 128,
    norm = "instance",
    activation = "relu",
    pooling = "avg",
  } = options;
  const { globalPooling = false } = options;
  const spelt = { width, norm, pooling, activation, globalPooling };
  const name = `convnet${depth}${optionSuffix(spelt, { width: 128, norm: "instance", pooling: "avg" })}`;
  if (!Number.isInteger(depth) || depth < 1) {
    throw new ConfigError(`${name}: depth must be a positive whole number, got ${depth}`);
  }
  checkWidth(name, width);
  return featureNetwork(name, options, (plan) => {
    const layers: ImageLayer[] = [];
    let shape = inputShape;
    for (let i = 1; i <= depth; i++) {
      const pad = i === 1 ? firstPadding(inputShape, 1) : 1;
      layers.push(
        convLayer(plan, `block${i}`, shape, { filters: width, kernel: 3, pad, norm, activation, pooling }),
      );
      shape = layers.at(-1)!.outputShape;
    }
    return layers;
  });
}
