import { convLayer } from "./conv-layer.ts";
import { firstPadding } from "./first-padding.ts";
import {
  checkWidth,
  featureNetwork,
  type FeatureLayer,
  type FeatureNetworkOptions,
} from "./feature-network.ts";
import type { ImageLayer } from "./network-plan.ts";
import type { Network } from "./network.ts";
import { optionSuffix } from "./option-suffix.ts";

/**
 * The small AlexNet of the field: five convolutions, three max poolings, one linear layer; no dropout, no hidden dense layer.
 * Default width 128, without normalisation (`alexnet-batch` has batch normalisation after every convolution).
 *
 * @throws {ConfigError} if an option is out of range or the images are below 8 × 8.
 */
export function alexnet(options: FeatureNetworkOptions): Network {
  const { inputShape, width = 128, norm = "none", activation = "relu", globalPooling = false } = options;
  const spelt = { width, norm, activation, globalPooling, pooling: "max" } as const;
  const name = `alexnet${optionSuffix(spelt, { width: 128, norm: "none", pooling: "max" })}`;
  checkWidth(name, width);
  const scaled = (filters: number) => Math.max(1, Math.round((filters * width) / 128));
  const stack: readonly FeatureLayer[] = [
    { filters: width, kernel: 5, pad: firstPadding(inputShape, 2), pooling: "max" },
    { filters: scaled(192), kernel: 5, pad: 2, pooling: "max" },
    { filters: scaled(256), kernel: 3, pad: 1 },
    { filters: scaled(192), kernel: 3, pad: 1 },
    { filters: scaled(192), kernel: 3, pad: 1, pooling: "max" },
  ];
  return featureNetwork(name, options, (plan, input) => {
    const layers: ImageLayer[] = [];
    let shape = input;
    for (const [i, layer] of stack.entries()) {
      layers.push(convLayer(plan, `block${i + 1}`, shape, { ...layer, norm, activation }));
      shape = layers.at(-1)!.outputShape;
    }
    return layers;
  });
}
