import type { Preset } from "@limbeck/core";
import {
  cifar10Resnet20,
  cifarTeacher,
  IMAGENET_CONSTANTS,
  imagenetTeacher,
  sampleTeacher,
  tinyTeacher,
} from "../shared/teacher-presets.ts";
import type { Sre2lConfigInput } from "./config.ts";

const repository = "VILA-Lab/SRe2L, SRe2L/recover/recover.sh";
const imagenet = { teacher: imagenetTeacher, jitter: 32, iterations: 4000 } as const;
const tiny = {
  teacher: tinyTeacher,
  imageLearningRate: 0.1,
  statisticsWeight: 1,
  shift: "both",
  iterations: 4000,
} as const;
const cifar = { teacher: cifarTeacher, crop: "none", iterations: 1000 } as const;

/** Named configurations of SRe2L. `-paper`: with the image priors of the paper's equation 8, which all published scripts set to 0. */
export const sre2lPresets = {
  "imagenet1k-ipc10-code": reported(repository, "imagenet1k", { ipc: 10, ...imagenet }),
  "imagenet1k-ipc50-code": reported(repository, "imagenet1k", { ipc: 50, ...imagenet }),
  "imagenet1k-ipc100-code": reported(repository, "imagenet1k", { ipc: 100, ...imagenet }),
  "imagenet1k-ipc200-code": reported(repository, "imagenet1k", { ipc: 200, ...imagenet }),
  "imagenet1k-ipc50-paper": reported(
    "SRe2L, equation 8; weights of recover/data_synthesis.py",
    "imagenet1k",
    {
      ipc: 50,
      ...imagenet,
      totalVariation: 1e-4,
      lengthWeight: 1e-5,
    },
  ),
  "tinyimagenet-ipc50-code": reported("small_dataset/recover_tiny.sh", "tinyimagenet", { ipc: 50, ...tiny }),
  "tinyimagenet-ipc100-code": reported("small_dataset/recover_tiny.sh", "tinyimagenet", {
    ipc: 100,
    ...tiny,
  }),
  "cifar100-ipc50-code": reported("small_dataset/recover_cifar.sh", "cifar100", { ipc: 50, ...cifar }),
  "cifar10-resnet20": {
    status: "sample",
    source: "values of recover_cifar.sh with a public ResNet-20; no CIFAR-10 script is published",
    dataset: "cifar10",
    normalisation: IMAGENET_CONSTANTS,
    config: { ...cifar, ipc: 10, teacher: cifar10Resnet20 },
  },
  sample: {
    status: "sample",
    source: "runs in seconds on a small data set",
    dataset: "any",
    config: { ipc: 1, teacher: sampleTeacher, iterations: 60, imageLearningRate: 0.1, jitter: 2 },
  },
} as const satisfies Record<string, Preset<Sre2lConfigInput>>;

function reported<const C extends Sre2lConfigInput>(source: string, dataset: string, config: C) {
  return { status: "reported", source, dataset, config } as const;
}
