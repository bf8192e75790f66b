import { testMethod } from "@limbeck/core/testing";
import { sre2l } from "./method.ts";

testMethod(sre2l, {
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
