import type { Preset } from "@limbeck/core";
import type { AtomConfigInput } from "./config.ts";

const source =
  "ATOM, supplement: augmentation, whitening and data sets; powers, weights and iterations as in DataDAM's table, where the paper's could not be read";

/** DataDAM's table with a channel term of equal weight. */
const asPaper = {
  iterations: 8000,
  realBatch: 64,
  attentionPower: 4,
  channelPower: 4,
  attentionWeight: 1,
  channelWeight: 1,
  meanWeight: 0.01,
} as const;
/** With the powers and weights of DataDAM's released loss, which moves images further a step. */
const asCode = {
  ...asPaper,
  attentionPower: 1,
  channelPower: 1,
  attentionWeight: 100,
  channelWeight: 100,
  meanWeight: 1,
} as const;

const onCifar = { status: "reported", source, zca: "standardised" } as const;

/** Named configurations of ATOM. There is no released code, so none ends in `-code`. */
export const atomPresets = {
  "cifar10-ipc1-paper": { ...onCifar, dataset: "cifar10", config: { ipc: 1, ...asPaper } },
  "cifar10-ipc10-paper": { ...onCifar, dataset: "cifar10", config: { ipc: 10, ...asPaper } },
  "cifar10-ipc50-paper": { ...onCifar, dataset: "cifar10", config: { ipc: 50, ...asPaper } },
  "cifar100-ipc1-paper": { ...onCifar, dataset: "cifar100", config: { ipc: 1, ...asPaper } },
  "cifar100-ipc10-paper": { ...onCifar, dataset: "cifar100", config: { ipc: 10, ...asPaper } },
  "cifar100-ipc50-paper": { ...onCifar, dataset: "cifar100", config: { ipc: 50, ...asPaper } },
  "tinyimagenet-ipc1-paper": {
    status: "reported",
    source,
    dataset: "tinyimagenet",
    config: { ipc: 1, ...asPaper, network: "convnet4" },
  },
  "tinyimagenet-ipc10-paper": {
    status: "reported",
    source,
    dataset: "tinyimagenet",
    config: { ipc: 10, ...asPaper, network: "convnet4" },
  },
  "tinyimagenet-ipc50-paper": {
    status: "reported",
    source,
    dataset: "tinyimagenet",
    config: { ipc: 50, ...asPaper, network: "convnet4" },
  },
  "channel-only": {
    status: "sample",
    source: "ablation: the channel term alone",
    dataset: "any",
    config: { ipc: 10, ...asCode, attentionWeight: 0, meanWeight: 0 },
  },
  laptop: {
    status: "sample",
    source:
      "DataDAM's released loss with a channel term, half the width and fewer iterations: minutes on two cores",
    dataset: "any",
    config: { ipc: 10, ...asCode, network: "convnet3-w64", iterations: 500 },
  },
  sample: {
    status: "sample",
    source: "runs in seconds",
    dataset: "any",
    config: { ipc: 1, ...asCode, network: "convnet3-w16", realBatch: 16, iterations: 20 },
  },
} as const satisfies Record<string, Preset<AtomConfigInput>>;
