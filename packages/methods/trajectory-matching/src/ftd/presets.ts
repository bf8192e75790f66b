import type { Preset } from "@limbeck/core";
import { sampleRun } from "../shared/sample-run.ts";
import type { FtdConfigInput } from "./config.ts";

const table = "FTD, table 7 (docs/parameters.png of AngusDujw/FTD-distillation)";

type Row = readonly [
  dataset: "cifar10" | "cifar100" | "tinyimagenet",
  ipc: number,
  innerSteps: number,
  matchedEpochs: number,
  maxStartEpoch: number,
  syntheticBatch: "full" | number,
  imageLearningRate: number,
  stepSizeLearningRate: number,
  stepSize: number,
  surrogateWeight: number,
  averageDecay: number,
];

const rows: readonly Row[] = [
  ["cifar10", 1, 50, 2, 2, "full", 1e2, 1e-7, 0.01, 0.3, 0.9999],
  ["cifar10", 10, 30, 2, 20, "full", 1e2, 1e-5, 0.001, 0.3, 0.9995],
  ["cifar10", 50, 30, 2, 40, "full", 1e3, 1e-5, 0.01, 1, 0.999],
  ["cifar100", 1, 40, 3, 20, "full", 1e3, 1e-5, 0.01, 1, 0.9995],
  ["cifar100", 10, 20, 2, 40, "full", 1e3, 1e-5, 0.01, 1, 0.9995],
  ["cifar100", 50, 80, 2, 40, 1000, 1e3, 1e-5, 0.01, 1, 0.999],
  ["tinyimagenet", 1, 30, 2, 10, "full", 1e4, 1e-4, 0.01, 1, 0.999],
  ["tinyimagenet", 10, 20, 2, 40, 500, 1e4, 1e-4, 0.01, 1, 0.999],
];
/** The commands that the repository gives are for whitened images; for the other cells it does not say. */
const WHITENED = new Set(["cifar10-ipc10", "cifar100-ipc10"]);

function presetOf(row: Row): [string, Preset<FtdConfigInput>] {
  const [dataset, ipc, innerSteps, matchedEpochs, maxStartEpoch, syntheticBatch, images, rate, ...rest] = row;
  const [stepSize, surrogateWeight, averageDecay] = rest;
  const name = `${dataset}-ipc${ipc}`;
  const whitened = WHITENED.has(name);
  const preset = {
    status: "reported",
    source: whitened ? `${table}; whitening: its distill/run_distill.sh` : `${table}; whitening not stated`,
    dataset,
    ...(whitened && { zca: "pixels" as const }),
    config: {
      ipc,
      ...(dataset === "tinyimagenet" && { network: "convnet4" }),
      innerSteps,
      matchedEpochs,
      maxStartEpoch,
      syntheticBatch,
      imageLearningRate: images,
      stepSizeLearningRate: rate,
      stepSize,
      surrogateWeight,
      averageDecay,
    },
  } as const;
  return [name, preset];
}

/** Named configurations of FTD. */
export const ftdPresets: Readonly<Record<string, Preset<FtdConfigInput>>> = {
  ...Object.fromEntries(rows.map(presetOf)),
  sample: {
    status: "sample",
    source: "one narrow expert of two epochs: a minute or two",
    dataset: "any",
    config: { ...sampleRun, matchedEpochs: 1, averageDecay: 0.9 },
  },
};
