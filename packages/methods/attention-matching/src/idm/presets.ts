import type { Preset } from "@limbeck/core";
import type { IdmConfigInput } from "./config.ts";

const code = "uitrbn/IDM, command.txt";
const paper =
  "as released, with the accuracy between 0 and 1 as the text reads; weights are then 100 times larger";

/** IPC 1 sees all of a class and new networks more often. */
const single = { ipc: 1, realBatch: 5000, pushInterval: 5 } as const;
const tiny = { network: "convnet4" } as const;
const subset = {
  network: "convnet6",
  realBatch: 128,
  trainingBatch: 128,
  pushInterval: 50,
  queueCapacity: 50,
  crossEntropyWeight: 3,
} as const;

/** Named configurations of IDM. */
export const idmPresets = {
  "cifar10-ipc1-code": reported("cifar10", { ...single }),
  "cifar10-ipc10-code": reported("cifar10", { ipc: 10 }),
  "cifar10-ipc50-code": reported("cifar10", { ipc: 50, crossEntropyWeight: 0.1 }),
  "cifar100-ipc1-code": reported("cifar100", { ...single, realBatch: 500 }),
  "cifar100-ipc10-code": reported("cifar100", { ipc: 10, crossEntropyWeight: 0.1, trainingSteps: 50 }),
  "cifar100-ipc50-code": {
    status: "reported",
    source: `${code}; 40 training steps by the author's advice (issue 1), the command's 10 fall short`,
    dataset: "cifar100",
    config: { ipc: 50, crossEntropyWeight: 0.1, trainingSteps: 40 },
  },
  "tinyimagenet-ipc1-code": reported("tinyimagenet", { ipc: 1, ...tiny }),
  "tinyimagenet-ipc10-code": reported("tinyimagenet", { ipc: 10, ...tiny }),
  "tinyimagenet-ipc50-code": reported("tinyimagenet", {
    ipc: 50,
    ...tiny,
    crossEntropyWeight: 0.8,
    trainingSteps: 50,
  }),
  "imagenet-subset-ipc1-code": reported("any", { ipc: 1, ...subset }),
  "imagenet-subset-ipc10-code": reported("any", { ipc: 10, ...subset }),
  "cifar10-ipc10-paper": {
    status: "reported",
    source: paper,
    dataset: "cifar10",
    config: { ipc: 10, accuracyUnit: "fraction", crossEntropyWeight: 50 },
  },
  laptop: {
    status: "sample",
    source: "half the width, a queue of ten and fewer iterations: minutes on two cores",
    dataset: "any",
    config: {
      ipc: 10,
      network: "convnet3-w64",
      realBatch: 64,
      iterations: 300,
      queueCapacity: 10,
      pushInterval: 15,
      trainingBatch: 128,
      trainingSteps: 5,
    },
  },
  sample: {
    status: "sample",
    source: "runs in seconds",
    dataset: "any",
    config: {
      ipc: 1,
      network: "convnet3-w16",
      realBatch: 16,
      iterations: 20,
      queueCapacity: 4,
      pushInterval: 10,
      trainingBatch: 32,
      trainingSteps: 2,
    },
  },
} as const satisfies Record<string, Preset<IdmConfigInput>>;

function reported<const C extends IdmConfigInput>(dataset: string, config: C) {
  return { status: "reported", source: code, dataset, config } as const;
}
