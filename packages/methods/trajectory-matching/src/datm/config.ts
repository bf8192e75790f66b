import { z } from "zod";
import { trajectoryConfigShape } from "../shared/config.ts";

/** Configuration of DATM: a range of start epochs that grows, learned soft labels, FTD's experts, a guard. */
export const datmConfigSchema = z.strictObject({
  ...trajectoryConfigShape,
  iterations: trajectoryConfigShape.iterations.default(10_000),
  minStartEpoch: z
    .int()
    .min(0)
    .default(0)
    .describe("T⁻: segments start at this epoch of the expert or later"),
  firstMaxStartEpoch: z
    .union([z.literal("auto"), z.int().min(1)])
    .default("auto")
    .describe("T: bound of the start epochs in the first step, from where it grows to T⁺; `auto`: T⁺"),
  expandUntil: z
    .int()
    .min(1)
    .default(1000)
    .describe("step in which the bound of the start epochs reaches T⁺"),
  labelLearningRate: z.number().min(0).default(10).describe("SGD step on the label logits; 0: they stay"),
  labelMomentum: z.number().min(0).lt(1).default(0.9),
  correctOnly: z
    .boolean()
    .default(true)
    .describe(
      "start from real images that an expert classifies correctly, with the mean scores of all experts that do; otherwise by initialisation, with one expert's",
    ),
  lossThreshold: trajectoryConfigShape.lossThreshold.default(1),
  expertEpochs: trajectoryConfigShape.expertEpochs.default(100),
  sharpnessRadius: trajectoryConfigShape.sharpnessRadius.default(0.01),
  surrogateWeight: trajectoryConfigShape.surrogateWeight.default(0.3),
});
export type DatmConfigInput = z.input<typeof datmConfigSchema>;
export type DatmConfig = z.output<typeof datmConfigSchema>;
