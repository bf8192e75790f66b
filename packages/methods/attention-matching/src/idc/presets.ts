import type { Preset } from "@limbeck/core";
import type { IdcConfigInput } from "./config.ts";

const source = "snu-mllab/Efficient-Dataset-Condensation, argument.py, condense.py and misc/reproduce.py";

/** Values that differ from the defaults, which are those of CIFAR. */
const CHANGES: Readonly<Record<string, Partial<IdcConfigInput>>> = {
  cifar10: {},
  cifar100: {},
  svhn: { trainingImages: 500 },
  mnist: { distance: "l1", baseLearningRate: 1e-4, baseSize: 28, trainingImages: 500 },
  "fashion-mnist": { distance: "l1", baseLearningRate: 1e-4, trainingImages: 500 },
};
/** Numbers of images per class that the paper reports. */
const REPORTED: Readonly<Record<string, readonly number[]>> = {
  cifar10: [1, 10, 50],
  cifar100: [10, 20],
  svhn: [1, 10, 50],
  mnist: [1, 10, 50],
  "fashion-mnist": [1, 10, 50],
};
/** MNIST with a factor above 1: neither cutout nor CutMix. */
const DIGITS_IN_QUARTERS = { augmentation: "color+crop", mixProbability: 0 } as const;

/** `<data set>-ipc<n>` is IDC, `<data set>-ipc<n>-i` IDC-I: one training image in each stored one. */
const reported = Object.entries(REPORTED).flatMap(([dataset, sizes]) =>
  sizes.flatMap((ipc): [string, Preset<IdcConfigInput>][] => {
    const shared = { ipc, ...CHANGES[dataset] };
    const whole = { ...shared, factor: 2, ...(dataset === "mnist" ? DIGITS_IN_QUARTERS : {}) };
    const preset = (config: IdcConfigInput) => ({ status: "reported", source, dataset, config }) as const;
    return [
      [`${dataset}-ipc${ipc}`, preset(whole)],
      [`${dataset}-ipc${ipc}-i`, preset({ ...shared, factor: 1 })],
    ];
  }),
);

/** Named configurations of IDC. */
export const idcPresets: Readonly<Record<string, Preset<IdcConfigInput>>> = {
  ...Object.fromEntries(reported),
  laptop: {
    status: "sample",
    source: "a quarter of the width, few networks, each trained on few images: minutes on two cores",
    dataset: "any",
    config: { ipc: 10, network: "convnet3-w32", iterations: 200, updatesPerNetwork: 20, trainingImages: 512 },
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
      updatesPerNetwork: 10,
      trainingImages: 128,
    },
  },
};
