import type { Preset } from "@limbeck/core";
import { sampleRun } from "../shared/sample-run.ts";
import type { MttConfigInput } from "./config.ts";

const source = "justincui03/dc_benchmark, methods/tm/readme.md: commands from MTT's author";
const readme = "GeorgeCazenavette/mtt-distillation, readme";

/** Named configurations of MTT. */
export const mttPresets: Readonly<Record<string, Preset<MttConfigInput>>> = {
  "cifar10-ipc1": {
    status: "reported",
    source,
    dataset: "cifar10",
    zca: "pixels",
    config: {
      ipc: 1,
      innerSteps: 50,
      maxStartEpoch: 2,
      imageLearningRate: 100,
      stepSizeLearningRate: 1e-7,
      stepSize: 0.01,
    },
  },
  "cifar10-ipc10": {
    status: "reported",
    source: `${source}; imageLearningRate: its issues 31 and 42`,
    dataset: "cifar10",
    zca: "pixels",
    config: {
      ipc: 10,
      innerSteps: 30,
      maxStartEpoch: 20,
      imageLearningRate: 100,
      stepSizeLearningRate: 1e-5,
      stepSize: 0.001,
    },
  },
  "cifar10-ipc50": {
    status: "reported",
    source,
    dataset: "cifar10",
    config: {
      ipc: 50,
      innerSteps: 30,
      maxStartEpoch: 40,
      imageLearningRate: 1000,
      stepSizeLearningRate: 1e-5,
      stepSize: 0.001,
    },
  },
  "cifar100-ipc1": {
    status: "reported",
    source,
    dataset: "cifar100",
    zca: "pixels",
    config: { ipc: 1, innerSteps: 20, matchedEpochs: 3, maxStartEpoch: 20 },
  },
  "cifar100-ipc10": {
    status: "reported",
    source,
    dataset: "cifar100",
    config: { ipc: 10, innerSteps: 20, maxStartEpoch: 20 },
  },
  "cifar100-ipc50": {
    status: "reported",
    source,
    dataset: "cifar100",
    zca: "pixels",
    config: { ipc: 50, innerSteps: 80, maxStartEpoch: 40, syntheticBatch: 125 },
  },
  "tinyimagenet-ipc1": {
    status: "reported",
    source: `${readme}; convnet4: its issue 6`,
    dataset: "tinyimagenet",
    config: {
      ipc: 1,
      network: "convnet4",
      innerSteps: 10,
      maxStartEpoch: 10,
      imageLearningRate: 10_000,
      stepSizeLearningRate: 1e-4,
    },
  },
  "tinyimagenet-ipc10": {
    status: "reported",
    source: `${readme}; convnet4: its issue 6`,
    dataset: "tinyimagenet",
    config: {
      ipc: 10,
      network: "convnet4",
      innerSteps: 20,
      maxStartEpoch: 40,
      syntheticBatch: 200,
      imageLearningRate: 10_000,
      stepSizeLearningRate: 1e-4,
    },
  },
  "tinyimagenet-ipc50": {
    status: "reported",
    source: `${readme}; convnet4: its issue 6`,
    dataset: "tinyimagenet",
    config: {
      ipc: 50,
      network: "convnet4",
      innerSteps: 20,
      maxStartEpoch: 40,
      syntheticBatch: 300,
      imageLearningRate: 10_000,
      stepSizeLearningRate: 1e-4,
    },
  },
  "imagenet-subset-ipc1": {
    status: "reported",
    source: `${readme}; its issue 1 has an imageLearningRate of 100000`,
    dataset: "ten classes of ImageNet, 128×128",
    config: {
      ipc: 1,
      network: "convnet5",
      innerSteps: 20,
      maxStartEpoch: 10,
      imageLearningRate: 1000,
      stepSizeLearningRate: 1e-6,
    },
  },
  laptop: {
    status: "sample",
    source: "a quarter of the width and 5 experts of 5 epochs: an hour or so on two cores",
    dataset: "any",
    config: {
      ipc: 1,
      network: "convnet3-w32",
      experts: 5,
      innerSteps: 20,
      maxStartEpoch: 4,
      imageLearningRate: 100,
      stepSizeLearningRate: 1e-6,
      iterations: 300,
    },
  },
  sample: {
    status: "sample",
    source: "one narrow expert of two epochs: a minute or two",
    dataset: "any",
    config: { ...sampleRun, matchedEpochs: 1 },
  },
};
