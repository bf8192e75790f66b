import type { Preset } from "@limbeck/core";
import { publishedRun, reportedPresets, smallPresets } from "../shared/gradient-presets.ts";
import type { DsaConfigInput } from "./config.ts";

const source = "VICO-UoE/DatasetCondensation, main.py and utils.py (method DSA)";
const fyi = "cvlab-yonsei/FYI, DC_DSA_DM/main.py";

/** FYI as its code runs it: mirror images beside the synthetic ones, and a flip before any other augmentation. */
const flipped = { flipEmbedding: true, augmentation: "flip+color_crop_cutout_scale_rotate" } as const;

/** Named configurations of DSA. */
export const dsaPresets: Readonly<Record<string, Preset<DsaConfigInput>>> = {
  ...reportedPresets(source),
  "cifar100-ipc50": {
    status: "reported",
    source: `${source}; loops of 10 and 10: ${fyi}`,
    dataset: "cifar100",
    config: { ipc: 50, iterations: 10_000, outerSteps: 10, innerEpochs: 10 },
  },
  "cifar10-ipc100": {
    status: "reported",
    source: `${source}; loops of 100 and 2: its issue 2`,
    dataset: "cifar10",
    config: { ipc: 100, iterations: 100_000, outerSteps: 100, innerEpochs: 2 },
  },
  ...Object.fromEntries(
    [1, 10, 50].map((ipc) => [
      `cifar10-ipc${ipc}-fyi`,
      {
        status: "reported",
        source: fyi,
        dataset: "cifar10",
        config: { ...publishedRun(ipc), ...flipped },
      } as const,
    ]),
  ),
  "cifar10-ipc10-short": {
    status: "reproduced",
    source:
      "ours: 20 times the published rate, a fifth of the network's epochs, half the real images, 900 of 10,000 updates; its record is in the package's README",
    dataset: "cifar10",
    config: { ipc: 10, imageLearningRate: 2, innerEpochs: 10, realBatch: 128, iterations: 900 },
  },
  ...smallPresets,
};
