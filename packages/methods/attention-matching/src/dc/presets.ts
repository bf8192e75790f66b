import type { Preset } from "@limbeck/core";
import { publishedRun, reportedPresets } from "../shared/gradient-presets.ts";
import type { DcConfigInput } from "./config.ts";

const source = "VICO-UoE/DatasetCondensation, main.py and utils.py (method DC)";

/** Named configurations of DC. */
export const dcPresets: Readonly<Record<string, Preset<DcConfigInput>>> = {
  ...reportedPresets(source),
  "cifar10-ipc1-mlp": {
    status: "reported",
    source: `${source}: a smaller step for images matched on an MLP`,
    dataset: "cifar10",
    config: { ...publishedRun(1), network: "mlp", imageLearningRate: 0.01 },
  },
  laptop: {
    status: "sample",
    source: "a quarter of the width, a quarter of the real batch, 200 updates: minutes on two cores",
    dataset: "any",
    config: { ipc: 1, network: "convnet3-w32", realBatch: 64, iterations: 200 },
  },
  sample: {
    status: "sample",
    source: "runs in seconds",
    dataset: "any",
    config: { ipc: 1, network: "convnet3-w16", realBatch: 16, iterations: 20 },
  },
};
