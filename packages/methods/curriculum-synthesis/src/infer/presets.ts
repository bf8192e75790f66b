import type { Preset } from "@limbeck/core";
import {
  cifar10Resnet20,
  cifar10Resnet56,
  IMAGENET_CONSTANTS,
  imagenetTeacher,
  sampleTeacher,
} from "../shared/teacher-presets.ts";
import type { InferConfigInput } from "./config.ts";

const cifarSource =
  "zhangxin-xd/UFC, sh/ufc_cifar.sh; EfficientNet-B0 and ShuffleNet-V1 there, ShuffleNet-V2 here";
const train = (network: string) => ({ network, epochs: 200 });
const cifar: Omit<InferConfigInput, "ipc"> = {
  budget: "tensors",
  iterations: 1000,
  teachers: [train("resnet18-batch"), train("mobilenetv2"), train("shufflenetv2")],
};
const imagenet: Omit<InferConfigInput, "ipc"> = {
  budget: "tensors",
  iterations: 2000,
  teachers: [
    imagenetTeacher,
    {
      ...imagenetTeacher,
      network: "mobilenetv2-imagenet",
      file: "teachers/mobilenetv2-imagenet1k-v1.safetensors",
    },
  ],
  batchSize: 1000,
  statisticsWeight: 0.01,
  jitter: 32,
  crop: {},
};

/** Named configurations of INFER, with those of its teachers that the zoo has. */
export const inferPresets = {
  "cifar10-ipc10-code": reported(cifarSource, "cifar10", { ipc: 10, ...cifar }),
  "cifar10-ipc50-code": reported(cifarSource, "cifar10", { ipc: 50, ...cifar }),
  "cifar100-ipc10-code": reported(cifarSource, "cifar100", { ipc: 10, ...cifar }),
  "cifar100-ipc50-code": reported(cifarSource, "cifar100", { ipc: 50, ...cifar }),
  "imagenet1k-ipc10-code": reported("zhangxin-xd/UFC, README; no EfficientNet-B0 here", "imagenet1k", {
    ipc: 10,
    ...imagenet,
  }),
  "cifar10-resnet20": {
    status: "sample",
    source: "values of ufc_cifar.sh with the public ResNet-20 alone",
    dataset: "cifar10",
    normalisation: IMAGENET_CONSTANTS,
    config: { ipc: 10, teachers: [cifar10Resnet20], iterations: 1000 },
  },
  "cifar10-resnets": {
    status: "sample",
    source: "values of ufc_cifar.sh with the public ResNet-20 and ResNet-56, counted as published",
    dataset: "cifar10",
    normalisation: IMAGENET_CONSTANTS,
    config: { ipc: 10, budget: "tensors", teachers: [cifar10Resnet20, cifar10Resnet56], iterations: 1000 },
  },
  sample: {
    status: "sample",
    source: "runs in seconds on a small data set",
    dataset: "any",
    config: { ipc: 2, teachers: [sampleTeacher], iterations: 60, imageLearningRate: 0.05, jitter: 2 },
  },
} as const satisfies Record<string, Preset<InferConfigInput>>;

function reported(source: string, dataset: string, config: InferConfigInput) {
  return { status: "reported", source, dataset, config } as const;
}
