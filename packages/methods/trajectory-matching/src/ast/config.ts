import { z } from "zod";
import { trajectoryConfigShape } from "../shared/config.ts";

/** Configuration of AST: smooth experts, representative images, and a student that is perturbed, balanced and led on its way. */
export const astConfigSchema = z.strictObject({
  ...trajectoryConfigShape,
  initialisation: trajectoryConfigShape.initialisation
    .default("kmeans")
    .describe(
      "`kmeans`: the real images nearest to cluster centres of an expert's scores; or as for all methods",
    ),
  perturbation: z
    .number()
    .min(0)
    .default(1)
    .describe("α of the noise on the filters that the student starts with; 0: none"),
  balance: z
    .boolean()
    .default(true)
    .describe("scale the student's loss by its start epoch: less before the middle of the range, more after"),
  intermediate: z
    .enum(["none", "equal", "rising"])
    .default("equal")
    .describe("match the expert's epochs on the way too, with weight 1 or, epoch k of M, k/M"),
  innerMomentum: z.number().min(0).lt(1).default(0.9).describe("of the student's SGD"),
  expertEpochs: trajectoryConfigShape.expertEpochs.default(50),
  expertLearningRate: trajectoryConfigShape.expertLearningRate.default(0.003),
  expertMomentum: trajectoryConfigShape.expertMomentum.default(0.9),
  expertWeightDecay: trajectoryConfigShape.expertWeightDecay.default(1e-3),
  expertDropEpoch: trajectoryConfigShape.expertDropEpoch.default(27),
  lossRampEpochs: trajectoryConfigShape.lossRampEpochs.default(10),
  gradientPenalty: trajectoryConfigShape.gradientPenalty.default(2),
});
export type AstConfigInput = z.input<typeof astConfigSchema>;
export type AstConfig = z.output<typeof astConfigSchema>;
