import type { Preset } from "@limbeck/core";
import {
  cifar10Resnet20,
  cifarTeacher,
  IMAGENET_CONSTANTS,
  imagenetTeacher,
  sampleTeacher,
  tinyTeacher,
} from "../shared/teacher-presets.ts";
import type { RdedConfigInput } from "./config.ts";

const imagenet = { teacher: imagenetTeacher, factor: 2 } as const;
const cifar = { teacher: cifarTeacher } as const;
const tiny = { teacher: tinyTeacher } as const;

/** Named configurations of RDED. */
export const rdedPresets = {
  "imagenet1k-ipc1-code": reported("imagenet1k", { ipc: 1, ...imagenet }),
  "imagenet1k-ipc10-code": reported("imagenet1k", { ipc: 10, ...imagenet }),
  "imagenet1k-ipc50-code": reported("imagenet1k", { ipc: 50, ...imagenet }),
  "tinyimagenet-ipc10-code": reported("tinyimagenet", { ipc: 10, ...tiny }),
  "tinyimagenet-ipc50-code": reported("tinyimagenet", { ipc: 50, ...tiny }),
  "cifar10-ipc1-code": reported("cifar10", { ipc: 1, ...cifar }),
  "cifar10-ipc10-code": reported("cifar10", { ipc: 10, ...cifar }),
  "cifar10-ipc50-code": reported("cifar10", { ipc: 50, ...cifar }),
  "cifar100-ipc10-code": reported("cifar100", { ipc: 10, ...cifar }),
  "cifar100-ipc50-code": reported("cifar100", { ipc: 50, ...cifar }),
  "cifar10-ipc10-conv3": {
    status: "reproduced",
    source: "LINs-lab/RDED, scripts/cifar10_10ipc_conv3_to_conv3_cr5.sh, with a teacher of 20 epochs",
    dataset: "cifar10",
    config: { ipc: 10, teacher: { network: "convnet3-batch", epochs: 20 } },
  },
  "cifar10-resnet20": {
    status: "sample",
    source: "the published selection with a public ResNet-20",
    dataset: "cifar10",
    normalisation: IMAGENET_CONSTANTS,
    config: { ipc: 10, teacher: cifar10Resnet20 },
  },
  sample: {
    status: "sample",
    source: "runs in seconds on a small data set",
    dataset: "any",
    config: { ipc: 1, teacher: sampleTeacher, iterations: 10, candidates: 60 },
  },
} as const satisfies Record<string, Preset<RdedConfigInput>>;

function reported<const C extends RdedConfigInput>(dataset: string, config: C) {
  return { status: "reported", source: "LINs-lab/RDED, argument.py and scripts", dataset, config } as const;
}
