import type { Preset } from "@limbeck/core";
import {
  cifar10Resnet20,
  cifar10Resnet56,
  IMAGENET_CONSTANTS,
  sampleTeacher,
} from "../shared/teacher-presets.ts";
import type { GvbsmConfigInput } from "./config.ts";

const source = "shaoshitong/G_VBSM_Dataset_Condensation, recover.sh and squeeze.sh";
const teachers = (epochs: number) =>
  ["convnet3-batch", "wrn-16-2", "resnet18-batch", "shufflenetv2-w48", "mobilenetv2"].map((network) => ({
    network,
    epochs,
    learningRate: 0.05,
    batchSize: 64,
    weightDecay: 0,
  }));
const cifar10: Omit<GvbsmConfigInput, "ipc"> = { teachers: teachers(5), iterations: 4000 };
const cifar100: Omit<GvbsmConfigInput, "ipc"> = { teachers: teachers(50), iterations: 4000 };

/** Named configurations of G-VBSM. */
export const gvbsmPresets = {
  "cifar10-ipc10-code": reported("cifar10", { ipc: 10, ...cifar10 }),
  "cifar10-ipc50-code": reported("cifar10", { ipc: 50, ...cifar10 }),
  "cifar100-ipc1-code": reported("cifar100", { ipc: 1, ...cifar100 }),
  "cifar100-ipc10-code": reported("cifar100", { ipc: 10, ...cifar100 }),
  "cifar100-ipc50-code": reported("cifar100", { ipc: 50, ...cifar100 }),
  "cifar10-resnets": {
    status: "sample",
    source: "the published values with the public ResNet-20 and ResNet-56",
    dataset: "cifar10",
    normalisation: IMAGENET_CONSTANTS,
    config: {
      ipc: 10,
      teachers: [cifar10Resnet20, cifar10Resnet56],
      iterations: 1000,
      statisticsImages: 10_000,
    },
  },
  sample: {
    status: "sample",
    source: "runs in seconds on a small data set",
    dataset: "any",
    config: {
      ipc: 1,
      teachers: [sampleTeacher],
      iterations: 60,
      imageLearningRate: 0.1,
      jitter: 2,
      statisticsImages: 640,
    },
  },
} as const satisfies Record<string, Preset<GvbsmConfigInput>>;

function reported(dataset: string, config: GvbsmConfigInput) {
  return { status: "reported", source, dataset, config } as const;
}
