import { testMethod } from "@limbeck/core/testing";
import { cda } from "./method.ts";

testMethod(cda, {
  config: {
    ipc: 2,
    batchSize: 6,
    iterations: 16,
    imageLearningRate: 0.1,
    jitter: 1,
    teacher: { network: "convnet2-w8-batch", epochs: 10, learningRate: 0.05, batchSize: 12 },
  },
  backend: "native",
});
