import { z } from "zod";
import { matchingConfigShape } from "../shared/config.ts";

/** Configuration of IDM. */
export const idmConfigSchema = z.strictObject({
  ...matchingConfigShape,
  iterations: matchingConfigShape.iterations.default(20_000),
  imageLearningRate: matchingConfigShape.imageLearningRate.default(0.2),
  factor: matchingConfigShape.factor.default(2),
  initialisation: matchingConfigShape.initialisation.default("mix"),

  queueCapacity: z.int().min(1).default(100).describe("networks kept; the oldest makes room for a new one"),
  queueStart: z.int().min(0).default(3).describe("networks in the queue before the first iteration"),
  pushInterval: z.int().min(1).default(30).describe("iterations between two new networks"),
  trainedNetworks: z
    .int()
    .min(0)
    .default(2)
    .describe("random networks of the queue that are trained after each image step"),
  trainingSteps: z.int().min(1).default(10).describe("steps each of them takes on real images"),
  trainingBatch: z.int().min(1).default(256).describe("real images a training step"),
  networkLearningRate: z.number().positive().default(0.01),
  networkMomentum: z.number().min(0).lt(1).default(0.9),
  networkWeightDecay: z.number().min(0).default(5e-4),

  crossEntropyWeight: z
    .number()
    .min(0)
    .default(0.5)
    .describe("weight of the cross-entropy of synthetic images, times the network's training accuracy"),
  accuracyUnit: z
    .enum(["percent", "fraction"])
    .default("percent")
    .describe("of that accuracy: 0 to 100, as the released code has it, or 0 to 1"),
  accuracyWindow: z
    .int()
    .min(1)
    .default(100)
    .describe("iterations after which all training accuracies are counted anew, from 0"),
});
export type IdmConfigInput = z.input<typeof idmConfigSchema>;
export type IdmConfig = z.output<typeof idmConfigSchema>;
