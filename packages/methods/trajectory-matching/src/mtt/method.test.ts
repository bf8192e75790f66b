import { testMethod, toyDataset } from "@limbeck/core/testing";
import { mtt } from "./method.ts";

testMethod(mtt, {
  dataset: toyDataset({ classes: 2, shape: [6, 6, 1] }),
  config: {
    ipc: 1,
    iterations: 16,
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
  },
});
