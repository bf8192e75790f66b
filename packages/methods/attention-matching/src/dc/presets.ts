import type { Preset } from "@limbeck/core";
import { publishedRun, reportedPresets, smallPresets } from "../shared/gradient-presets.ts";
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
  "fashion-mnist-ipc10-short": {
    status: "reproduced",
    source: "ours: 50 times the published rate, 500 of 10,000 updates; its record is in the package's README",
    dataset: "fashion-mnist",
    config: { ipc: 10, imageLearningRate: 5, iterations: 500 },
  },
  ...smallPresets,
};
