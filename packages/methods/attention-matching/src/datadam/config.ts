import { z } from "zod";
import { matchingConfigShape } from "../shared/config.ts";

/** Configuration of DataDAM. The ablation is configuration: either weight may be 0. */
export const datadamConfigSchema = z
  .strictObject({
    ...matchingConfigShape,
    iterations: matchingConfigShape.iterations.default(8000),
    attentionPower: z
      .number()
      .min(1)
      .default(4)
      .describe("exponent p of the spatial attention A = Σ_c |a_c|^p"),
    attentionWeight: z
      .number()
      .min(0)
      .default(1)
      .describe("weight of the attention term; 0 leaves the mean term alone"),
    meanWeight: z
      .number()
      .min(0)
      .default(0.01)
      .describe("weight λ of the embedding-mean (MMD) term; 0 leaves the attention term alone"),
  })
  .refine((config) => config.attentionWeight > 0 || config.meanWeight > 0, {
    message: "attentionWeight and meanWeight are both 0: nothing is left to match; set one above 0",
    path: ["attentionWeight"],
  });
export type DatadamConfigInput = z.input<typeof datadamConfigSchema>;
export type DatadamConfig = z.output<typeof datadamConfigSchema>;
