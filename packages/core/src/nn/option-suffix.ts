import type { Activation } from "./activation.ts";
import type { Norm, Pooling } from "./conv-layer.ts";

/** The options that a network's name can spell. */
export interface SpeltOptions {
  readonly width: number;
  readonly norm: Norm;
  readonly pooling: Pooling;
  readonly activation: Activation;
  readonly globalPooling: boolean;
}

/** How a name spells each normalisation and pooling: `none` of them needs its own word. */
export const NORM_WORDS: Readonly<Record<Norm, string>> = {
  none: "nonorm",
  batch: "batch",
  layer: "layer",
  instance: "instance",
  group: "group",
};
export const POOLING_WORDS: Readonly<Record<Pooling, string>> = {
  none: "nopool",
  max: "maxpool",
  avg: "avgpool",
};
export const ACTIVATION_WORDS: Readonly<Record<Activation, string>> = {
  relu: "relu",
  leakyrelu: "leakyrelu",
  sigmoid: "sigmoid",
  swish: "swish",
  identity: "identity",
};

/** Options of a family that its plain name stands for. */
interface SpeltDefaults {
  readonly width: number;
  readonly norm: Norm;
  readonly pooling: Pooling;
}

/** `-w64-batch-maxpool-leakyrelu-gap`: what differs from the family's defaults, always in this order. */
export function optionSuffix(options: SpeltOptions, defaults: SpeltDefaults): string {
  const words = [
    options.width === defaults.width ? "" : `w${options.width}`,
    options.norm === defaults.norm ? "" : NORM_WORDS[options.norm],
    options.pooling === defaults.pooling ? "" : POOLING_WORDS[options.pooling],
    options.activation === "relu" ? "" : ACTIVATION_WORDS[options.activation],
    options.globalPooling ? "gap" : "",
  ];
  return words
    .filter((word) => word !== "")
    .map((word) => `-${word}`)
    .join("");
}
