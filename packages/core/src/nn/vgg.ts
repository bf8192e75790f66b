import { convLayer } from "./conv-layer.ts";
import { firstPadding } from "./first-padding.ts";
import { checkWidth, featureNetwork, type FeatureNetworkOptions } from "./feature-network.ts";
import type { ImageLayer } from "./network-plan.ts";
import type { Network } from "./network.ts";
import { optionSuffix } from "./option-suffix.ts";

/** Filters of the eight convolutions, in units of the width, and whether max pooling follows. */
const STACK: readonly (readonly [factor: number, pooled: boolean])[] = [
  [1, true],
  [2, true],
  [4, false],
  [4, true],
  [8, false],
  [8, true],
  [8, false],
  [8, true],
];

/**
 * VGG-11 for small images: eight 3 × 3 convolutions, five max poolings, one linear layer. Default width 64 (the first
 * layer's filters), instance normalisation (`vgg11-batch`: batch normalisation).
 *
 * @throws {ConfigError} if an option is out of range or the images are below 32 × 32 (28 × 28 grey).
 * @see Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", configuration A.
 */
export function vgg11(options: FeatureNetworkOptions): Network {
  const { inputShape, width = 64, norm = "instance", activation = "relu", globalPooling = false } = options;
  const spelt = { width, norm, activation, globalPooling, pooling: "max" } as const;
  const name = `vgg11${optionSuffix(spelt, { width: 64, norm: "instance", pooling: "max" })}`;
  checkWidth(name, width);
  return featureNetwork(name, options, (plan, input) => {
    const layers: ImageLayer[] = [];
    let shape = input;
    for (const [i, [factor, pooled]] of STACK.entries()) {
      const pad = i === 0 ? firstPadding(inputShape, 1) : 1;
      const pooling = pooled ? "max" : "none";
      const layer = { filters: factor * width, kernel: 3, pad, norm, activation, pooling } as const;
      layers.push(convLayer(plan, `block${i + 1}`, shape, layer));
      shape = layers.at(-1)!.outputShape;
    }
    return layers;
  });
}
