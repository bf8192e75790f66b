import { z } from "zod";
import { matchingConfigShape, type MatchingConfig } from "./config.ts";
import { loopSchedule, type LoopSchedule } from "./loop-schedule.ts";

/** Settings of DC and DSA: those of the family and the loops. The two methods differ in their defaults alone. */
export const gradientConfigShape = {
  ...matchingConfigShape,
  iterations: z
    .int()
    .min(1)
    .default(1000)
    .describe("updates of the synthetic images, all classes in each; the papers make 1000 × outerSteps"),
  imageLearningRate: matchingConfigShape.imageLearningRate.default(0.1),
  outerSteps: z
    .union([z.literal("auto"), z.int().min(1)])
    .default("auto")
    .describe("updates of the images on one network, before a fresh one; `auto`: by ipc, as published"),
  innerEpochs: z
    .union([z.literal("auto"), z.int().min(0)])
    .default("auto")
    .describe(
      "epochs that the network trains on the synthetic images between two updates; `auto`: by ipc, as published",
    ),
  networkLearningRate: z
    .number()
    .positive()
    .default(0.01)
    .describe("SGD step of the network, without momentum"),
  networkBatch: z.int().min(1).default(256).describe("training images a step of the network"),
  distance: z
    .enum(["layerwise-cosine", "cosine", "mse"])
    .default("layerwise-cosine")
    .describe(
      "of the gradients: 1 − cosine summed over the output units of every layer, 1 − cosine of the whole, or the sum of squared differences",
    ),
} as const;

/** The parsed form of {@link gradientConfigShape}. */
export interface GradientConfig extends MatchingConfig {
  readonly outerSteps: "auto" | number;
  readonly innerEpochs: "auto" | number;
  readonly networkLearningRate: number;
  readonly networkBatch: number;
  readonly distance: "layerwise-cosine" | "cosine" | "mse";
}

/** The loops of a configuration, `auto` resolved. */
export function loopsOf({ ipc, outerSteps, innerEpochs }: GradientConfig): LoopSchedule {
  const published = loopSchedule(ipc);
  return {
    outer: outerSteps === "auto" ? published.outer : outerSteps,
    inner: innerEpochs === "auto" ? published.inner : innerEpochs,
  };
}
