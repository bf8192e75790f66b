import { testMethod } from "@limbeck/core/testing";
import { meanEmbedding } from "./method.ts";

// The whole contract: determinism, shapes, leaks, checkpoints, bad input, a loss that falls.
testMethod(meanEmbedding, {
  config: { ipc: 1, network: "convnet1-w8", realBatch: 4, iterations: 24, imageLearningRate: 1 },
});
