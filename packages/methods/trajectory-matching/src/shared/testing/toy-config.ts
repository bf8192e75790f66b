import type { ImageDataset } from "@limbeck/core";
import { toyDataset } from "@limbeck/core/testing";

/** A data set and a configuration whose runs take a second. */
export const toy: ImageDataset = toyDataset({ classes: 2, shape: [6, 6, 1] });
export const toyConfig = {
  ipc: 1,
  iterations: 8,
  network: "convnet1-w4",
  experts: 2,
  expertBatch: 6,
  innerSteps: 3,
  matchedEpochs: 1,
  maxStartEpoch: 2,
  stepSize: 0.02,
  imageLearningRate: 1,
  stepSizeLearningRate: 1e-4,
  augmentation: "none",
} as const;
