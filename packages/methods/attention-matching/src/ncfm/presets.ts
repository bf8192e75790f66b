import type { Preset } from "@limbeck/core";
import type { NcfmConfigInput } from "./config.ts";

const code = (file: string): string =>
  `gszfwsb/NCFM, config/${file}.yaml; weight decay 0 and one optimiser state a class`;
const paper = "NCFM, sections 3.3 and 5.1: a sampling network with 1024 frequencies; the rest as released";

/** Of the paper's text: frequencies from a sampling network. */
const withSampling = { sampling: "scales", frequencies: 1024 } as const;

/** A pool, batches and frequencies for a processor. */
const forProcessor = {
  poolNetworks: 5,
  poolEpochs: 15,
  iterations: 2000,
  realBatch: 256,
  frequencies: 1024,
  frequencyDraw: "iteration",
  plateauPatience: 200,
} as const;

const cifar100 = { realBatch: 500 } as const;
const tiny = { network: "convnet4", realBatch: 500 } as const;
const subset = { network: "convnet5", poolEpochs: 80 } as const;

/** Named configurations of NCFM. `-code`: as released, without a sampling network; `-paper`: with one. */
export const ncfmPresets = {
  "cifar10-ipc1-code": reported(code("ipc1/cifar10"), "cifar10", { ipc: 1 }),
  "cifar10-ipc10-code": reported(code("ipc10/cifar10"), "cifar10", { ipc: 10 }),
  "cifar10-ipc50-code": reported(code("ipc50/cifar10"), "cifar10", { ipc: 50 }),
  "cifar100-ipc1-code": reported(code("ipc1/cifar100"), "cifar100", { ipc: 1, ...cifar100 }),
  "cifar100-ipc10-code": reported(code("ipc10/cifar100"), "cifar100", {
    ipc: 10,
    ...cifar100,
    optimiser: "sgd",
    imageLearningRate: 0.01,
  }),
  "cifar100-ipc50-code": reported(code("ipc50/cifar100"), "cifar100", { ipc: 50, ...cifar100 }),
  "tinyimagenet-ipc1-code": reported(code("ipc1/tinyimagenet"), "tinyimagenet", { ipc: 1, ...tiny }),
  "tinyimagenet-ipc10-code": reported(code("ipc10/tinyimagenet"), "tinyimagenet", { ipc: 10, ...tiny }),
  "tinyimagenet-ipc50-code": reported(code("ipc50/tinyimagenet"), "tinyimagenet", { ipc: 50, ...tiny }),
  "imagenette-ipc1-code": reported(code("ipc1/imagenette"), "imagenette", { ipc: 1, ...subset }),
  "imagenette-ipc10-code": reported(code("ipc10/imagenette"), "imagenette", { ipc: 10, ...subset }),
  "cifar10-ipc10-paper": reported(paper, "cifar10", { ipc: 10, ...withSampling }),
  "cifar10-ipc50-paper": reported(paper, "cifar10", { ipc: 50, ...withSampling }),
  "cifar100-ipc10-paper": reported(paper, "cifar100", {
    ipc: 10,
    ...cifar100,
    ...withSampling,
    optimiser: "sgd",
    imageLearningRate: 0.01,
  }),
  "cifar100-ipc50-paper": reported(paper, "cifar100", { ipc: 50, ...cifar100, ...withSampling }),
  "tinyimagenet-ipc10-paper": reported(paper, "tinyimagenet", { ipc: 10, ...tiny, ...withSampling }),
  processor: sample("a small pool and smaller batches: an hour or two on a few cores", {
    ipc: 10,
    ...forProcessor,
  }),
  "processor-mean": sample("control: DM's distance under the recipe of `processor`", {
    ipc: 10,
    ...forProcessor,
    discrepancy: "mean",
  }),
  "processor-mmd": sample("control: the Gaussian MMD under the recipe of `processor`", {
    ipc: 10,
    ...forProcessor,
    discrepancy: "mmd",
  }),
  laptop: sample("half the width, two networks of five epochs, few iterations: minutes on two cores", {
    ipc: 10,
    ...forProcessor,
    network: "convnet3-w64",
    poolNetworks: 2,
    poolEpochs: 5,
    iterations: 200,
    realBatch: 64,
    frequencies: 256,
    imageLearningRate: 0.01,
  }),
  sample: sample("runs in seconds on a small data set", {
    ipc: 1,
    ...forProcessor,
    network: "convnet3-w16",
    poolNetworks: 1,
    poolEpochs: 1,
    iterations: 20,
    realBatch: 16,
    frequencies: 64,
    imageLearningRate: 0.01,
  }),
} as const satisfies Record<string, Preset<NcfmConfigInput>>;

function reported<const C extends NcfmConfigInput>(source: string, dataset: string, config: C) {
  return { status: "reported", source, dataset, config } as const;
}

function sample<const C extends NcfmConfigInput>(source: string, config: C) {
  return { status: "sample", source, dataset: "any", config } as const;
}
