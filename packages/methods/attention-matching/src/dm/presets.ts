import type { Preset } from "@limbeck/core";
import type { DmConfigInput } from "./config.ts";

const source = "VICO-UoE/DatasetCondensation, main_DM.py and readme.md";

/** Named configurations of DM. */
export const dmPresets = {
  "cifar10-ipc1": { status: "reported", source, dataset: "cifar10", config: { ipc: 1 } },
  "cifar10-ipc10": { status: "reported", source, dataset: "cifar10", config: { ipc: 10 } },
  "cifar10-ipc50": { status: "reported", source, dataset: "cifar10", config: { ipc: 50 } },
  "cifar10-ipc500": {
    status: "reported",
    source,
    dataset: "cifar10",
    config: { ipc: 500, imageLearningRate: 10 },
  },
  "cifar100-ipc10": { status: "reported", source, dataset: "cifar100", config: { ipc: 10 } },
  "tinyimagenet-ipc10": {
    status: "reported",
    source,
    dataset: "tinyimagenet",
    config: { ipc: 10, network: "convnet4" },
  },
  "mnist-ipc10": { status: "reported", source, dataset: "mnist", config: { ipc: 10 } },
  "fashion-mnist-ipc10": { status: "reported", source, dataset: "fashion-mnist", config: { ipc: 10 } },
  "cifar10-ipc10-short": {
    status: "reproduced",
    source:
      "ours: ten times the published rate, 300 of 20,000 iterations; its record is in the package's README",
    dataset: "cifar10",
    config: { ipc: 10, imageLearningRate: 10, iterations: 300 },
  },
  "cifar10-ipc50-short": {
    status: "reproduced",
    source:
      "ours: 20 times the published rate, 1200 of 20,000 iterations; its record is in the package's README",
    dataset: "cifar10",
    config: { ipc: 50, imageLearningRate: 20, iterations: 1200 },
  },
  laptop: {
    status: "sample",
    source: "half the width and a smaller batch: minutes on two cores",
    dataset: "any",
    config: { ipc: 10, network: "convnet3-w64", realBatch: 64, iterations: 500 },
  },
  sample: {
    status: "sample",
    source: "runs in seconds",
    dataset: "any",
    config: { ipc: 1, network: "convnet3-w16", realBatch: 16, iterations: 20 },
  },
} as const satisfies Record<string, Preset<DmConfigInput>>;
