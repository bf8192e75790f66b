import type { Preset } from "@limbeck/core";
import {
  cifar10Resnet20,
  cifar10Resnet56,
  IMAGENET_CONSTANTS,
  sampleTeacher,
} from "../shared/teacher-presets.ts";
import type { EdcConfigInput } from "./config.ts";

const source = "shaoshitong/EDC, recover.sh; its eight teachers from its squeeze settings";
const teachers = (epochs: number) =>
  [
    "convnet3-batch",
    "convnet3-w32-batch",
    "convnet1-batch",
    "convnet2-batch",
    "resnet18-batch",
    "shufflenetv2-w48",
    "mobilenetv2",
    "wrn-16-2",
  ].map((network) => ({ network, epochs, learningRate: 0.05, batchSize: 64, weightDecay: 0 }));

/** Named configurations of EDC. */
export const edcPresets = {
  "cifar10-ipc1-code": {
    status: "reported",
    source,
    dataset: "cifar10",
    config: { ipc: 1, batchSize: 10, iterations: 75, teachers: teachers(5) } as EdcConfigInput,
  },
  "cifar100-ipc10-code": {
    status: "reported",
    source,
    dataset: "cifar100",
    config: { ipc: 10, iterations: 2000, teachers: teachers(50) } as EdcConfigInput,
  },
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
      classImages: 500,
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
      statisticsImages: 640,
      classImages: 20,
      smoothingWeight: 1,
    },
  },
} as const satisfies Record<string, Preset<EdcConfigInput>>;
