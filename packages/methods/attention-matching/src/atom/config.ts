import { z } from "zod";
import { matchingConfigShape } from "../shared/config.ts";

/** Configuration of ATOM. The ablation is configuration: any two of the weights may be 0. */
export const atomConfigSchema = z
  .strictObject({
    ...matchingConfigShape,
    iterations: matchingConfigShape.iterations.default(8000),
    attentionPower: z
      .number()
      .min(1)
      .default(4)
      .describe("exponent p of the spatial attention A = Σ_c |a_c|^p"),
    channelPower: z
      .number()
      .min(1)
      .default(4)
      .describe("exponent p of the channel attention q_c = Σ_positions |a_c|^p"),
    attentionWeight: z.number().min(0).default(1).describe("weight of the spatial attention term"),
    channelWeight: z
      .number()
      .min(0)
      .default(1)
      .describe("weight of the channel attention term; 0 leaves DataDAM"),
    meanWeight: z.number().min(0).default(0.01).describe("weight λ of the embedding-mean (MMD) term"),
  })
  .refine((config) => config.attentionWeight > 0 || config.channelWeight > 0 || config.meanWeight > 0, {
    message:
      "attentionWeight, channelWeight and meanWeight are all 0: nothing is left to match; set one above 0",
    path: ["attentionWeight"],
  });
export type AtomConfigInput = z.input<typeof atomConfigSchema>;
export type AtomConfig = z.output<typeof atomConfigSchema>;
