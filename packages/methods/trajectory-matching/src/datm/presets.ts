import type { Preset } from "@limbeck/core";
import { sampleRun } from "../shared/sample-run.ts";
import type { DatmConfigInput } from "./config.ts";

const source = "NUS-HPC-AI-Lab/DATM, configs";

type Row = readonly [
  dataset: "cifar10" | "cifar100" | "tinyimagenet",
  ipc: number,
  innerSteps: number,
  matchedEpochs: number,
  minStartEpoch: number,
  firstMaxStartEpoch: "auto" | number,
  maxStartEpoch: number,
  expandUntil: number,
  syntheticBatch: number,
  imageLearningRate: number,
  stepSizeLearningRate: number,
  labelLearningRate: number,
];

const rows: readonly Row[] = [
  ["cifar10", 1, 80, 2, 0, "auto", 4, 1000, 10, 100, 1e-7, 5],
  ["cifar10", 10, 80, 2, 0, 10, 20, 1000, 100, 100, 1e-5, 2],
  ["cifar10", 50, 80, 2, 0, 20, 40, 2000, 500, 1000, 1e-5, 2],
  ["cifar10", 500, 40, 2, 40, "auto", 60, 1000, 1000, 50, 1e-5, 10],
  ["cifar10", 1000, 100, 2, 40, "auto", 60, 1000, 1000, 50, 1e-5, 10],
  ["cifar100", 1, 40, 3, 0, 10, 20, 1000, 1000, 1000, 1e-5, 10],
  ["cifar100", 10, 80, 2, 0, 30, 50, 2000, 1000, 1000, 1e-5, 10],
  ["cifar100", 50, 80, 2, 20, "auto", 70, 1000, 1000, 1000, 1e-5, 10],
  ["cifar100", 100, 80, 2, 30, "auto", 70, 1000, 1000, 50, 1e-5, 10],
  ["tinyimagenet", 1, 40, 2, 0, 15, 20, 2000, 1000, 10_000, 1e-4, 10],
  ["tinyimagenet", 10, 40, 2, 10, "auto", 50, 1000, 500, 100, 1e-4, 10],
  ["tinyimagenet", 50, 20, 2, 40, "auto", 70, 1000, 1000, 100, 1e-4, 10],
];

function presetOf(row: Row): [string, Preset<DatmConfigInput>] {
  const [dataset, ipc, innerSteps, matchedEpochs, minStartEpoch, firstMaxStartEpoch, maxStartEpoch, ...rest] =
    row;
  const [expandUntil, syntheticBatch, imageLearningRate, stepSizeLearningRate, labelLearningRate] = rest;
  const name = `${dataset}-ipc${ipc}`;
  const config = {
    ipc,
    ...(dataset === "tinyimagenet" && { network: "convnet4" }),
    innerSteps,
    matchedEpochs,
    minStartEpoch,
    firstMaxStartEpoch,
    maxStartEpoch,
    expandUntil,
    syntheticBatch,
    imageLearningRate,
    stepSizeLearningRate,
    labelLearningRate,
    ...(name === "cifar10-ipc1" && { lossThreshold: 1.1 }),
    ...(name === "cifar100-ipc50" && { correctOnly: false }),
  };
  return [name, { status: "reported", source, dataset, zca: "pixels", config }];
}

const reported = Object.fromEntries(rows.map(presetOf));

/** Named configurations of DATM. */
export const datmPresets: Readonly<Record<string, Preset<DatmConfigInput>>> = {
  ...reported,
  "cifar10-ipc10-short": {
    status: "reproduced",
    source:
      "ours: 5 plain experts of 12 epochs for 100 flat ones of 100, 20 steps of the student for 80, 300 of 10,000 iterations; its record is in the package's README",
    dataset: "cifar10",
    zca: "pixels",
    config: {
      ...reported["cifar10-ipc10"]!.config,
      experts: 5,
      expertEpochs: 12,
      sharpnessRadius: 0,
      surrogateWeight: 0,
      innerSteps: 20,
      firstMaxStartEpoch: 5,
      maxStartEpoch: 10,
      expandUntil: 200,
      iterations: 300,
    },
  },
  sample: {
    status: "sample",
    source: "one narrow expert of four epochs: a few minutes",
    dataset: "any",
    config: { ...sampleRun, expertEpochs: 4, matchedEpochs: 1, labelLearningRate: 2, lossThreshold: "none" },
  },
};
