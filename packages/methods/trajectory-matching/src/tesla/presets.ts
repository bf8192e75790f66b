import type { Preset } from "@limbeck/core";
import { sampleRun } from "../shared/sample-run.ts";
import type { TeslaConfigInput } from "./config.ts";

const source =
  "justincui03/tesla, README; imageLearningRate halved, because the code halves the images' gradient";

/** Named configurations of TESLA. */
export const teslaPresets: Readonly<Record<string, Preset<TeslaConfigInput>>> = {
  "cifar10-ipc1": {
    status: "reported",
    source,
    dataset: "cifar10",
    config: {
      ipc: 1,
      iterations: 10_000,
      innerSteps: 50,
      maxStartEpoch: 5,
      imageLearningRate: 500,
      stepSizeLearningRate: 1e-7,
    },
  },
  "cifar100-ipc50": {
    status: "reported",
    source,
    dataset: "cifar100",
    zca: "pixels",
    config: {
      ipc: 50,
      iterations: 10_000,
      innerSteps: 80,
      maxStartEpoch: 40,
      syntheticBatch: 125,
      imageLearningRate: 500,
    },
  },
  "imagenet64-ipc1": {
    status: "reported",
    source,
    dataset: "ImageNet-1K, 64×64",
    config: {
      ipc: 1,
      network: "convnet4",
      experts: 50,
      iterations: 10_000,
      innerSteps: 10,
      matchedEpochs: 3,
      maxStartEpoch: 10,
      syntheticBatch: 100,
      imageLearningRate: 5000,
      stepSizeLearningRate: 1e-4,
      labels: "assigned",
    },
  },
  sample: {
    status: "sample",
    source: "one narrow expert of two epochs: a minute or two",
    dataset: "any",
    config: { ...sampleRun, matchedEpochs: 1, imageLearningRate: 50, labels: "assigned" },
  },
};
