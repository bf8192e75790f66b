import type { Preset } from "@limbeck/core";
import {
  cifar10Resnet20,
  IMAGENET_CONSTANTS,
  imagenetTeacher,
  sampleTeacher,
  tinyTeacher,
} from "../shared/teacher-presets.ts";
import type { CdaConfigInput } from "./config.ts";

const imagenet = { teacher: imagenetTeacher, jitter: 32, iterations: 4000 } as const;
const tiny = {
  teacher: tinyTeacher,
  imageLearningRate: 0.4,
  statisticsWeight: 0.05,
  iterations: 4000,
} as const;

/** Named configurations of CDA. The paper's CIFAR settings are in its appendix only, not in its code: none is given as reported. */
export const cdaPresets = {
  "imagenet1k-ipc50-code": reported("VILA-Lab/SRe2L, CDA/README.md", "imagenet1k", { ipc: 50, ...imagenet }),
  "imagenet1k-ipc100-code": reported("VILA-Lab/SRe2L, CDA/README.md", "imagenet1k", {
    ipc: 100,
    ...imagenet,
  }),
  "imagenet1k-ipc200-code": reported("VILA-Lab/SRe2L, CDA/README.md", "imagenet1k", {
    ipc: 200,
    ...imagenet,
  }),
  "tinyimagenet-ipc50-code": reported("VILA-Lab/SRe2L, CDA/README.md", "tinyimagenet", { ipc: 50, ...tiny }),
  "tinyimagenet-ipc100-code": reported("VILA-Lab/SRe2L, CDA/README.md", "tinyimagenet", {
    ipc: 100,
    ...tiny,
  }),
  "cifar10-resnet20": {
    status: "sample",
    source: "values of SRe2L's recover_cifar.sh with the published curriculum and a public ResNet-20",
    dataset: "cifar10",
    normalisation: IMAGENET_CONSTANTS,
    config: { ipc: 10, teacher: cifar10Resnet20, iterations: 1000 },
  },
  sample: {
    status: "sample",
    source: "runs in seconds on a small data set",
    dataset: "any",
    config: { ipc: 1, teacher: sampleTeacher, iterations: 60, imageLearningRate: 0.1, jitter: 2 },
  },
} as const satisfies Record<string, Preset<CdaConfigInput>>;

function reported<const C extends CdaConfigInput>(source: string, dataset: string, config: C) {
  return { status: "reported", source, dataset, config } as const;
}
