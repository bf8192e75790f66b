import type { Preset } from "@limbeck/core";
import { sampleRun } from "../shared/sample-run.ts";
import type { AstConfigInput } from "./config.ts";

const script = "shenjiyuan123/AST-Alignment-with-Smooth-Expert, distill.sh";

/** Named configurations of AST. Its paper's own table of settings is not among the sources. */
export const astPresets: Readonly<Record<string, Preset<AstConfigInput>>> = {
  "cifar100-ipc1-zca": {
    status: "reported",
    source: "shenjiyuan123/AST-Alignment-with-Smooth-Expert, README",
    dataset: "cifar100",
    zca: "pixels",
    config: { ipc: 1, innerSteps: 20, matchedEpochs: 3, maxStartEpoch: 20 },
  },
  "cifar100-ipc1": {
    status: "reported",
    source: script,
    dataset: "cifar100",
    config: {
      ipc: 1,
      innerSteps: 40,
      matchedEpochs: 3,
      maxStartEpoch: 15,
      imageLearningRate: 100,
      balance: false,
    },
  },
  "cifar100-ipc10": {
    status: "reported",
    source: script,
    dataset: "cifar100",
    config: { ipc: 10, innerSteps: 20, maxStartEpoch: 30, syntheticBatch: 128, balance: false },
  },
  "cifar100-ipc50": {
    status: "reported",
    source: script,
    dataset: "cifar100",
    config: {
      ipc: 50,
      innerSteps: 80,
      maxStartEpoch: 40,
      syntheticBatch: 700,
      balance: false,
      perturbation: 0,
      intermediate: "none",
    },
  },
  "cifar10-ipc10": {
    status: "reported",
    source: `${script}, first of two`,
    dataset: "cifar10",
    zca: "pixels",
    config: {
      ipc: 10,
      innerSteps: 30,
      maxStartEpoch: 20,
      imageLearningRate: 100,
      stepSizeLearningRate: 1e-6,
      initialisation: "real",
    },
  },
  "tinyimagenet-ipc1": {
    status: "reported",
    source: script,
    dataset: "tinyimagenet",
    config: {
      ipc: 1,
      network: "convnet4",
      innerSteps: 10,
      maxStartEpoch: 10,
      imageLearningRate: 10_000,
      stepSizeLearningRate: 1e-4,
      balance: false,
      initialisation: "real",
    },
  },
  sample: {
    status: "sample",
    source: "one narrow expert of three epochs: a few minutes",
    dataset: "any",
    config: { ...sampleRun, expertEpochs: 3, innerSteps: 6, stepSize: 0.003 },
  },
};
