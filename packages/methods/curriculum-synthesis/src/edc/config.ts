import { z } from "zod";
import { gvbsmConfigSchema } from "../gvbsm/config.ts";
import { cropRange } from "../shared/config.ts";

/** Options of EDC: those of G-VBSM without its densification, with crops in the place of windows. */
export const edcConfigSchema = z.strictObject({
  ...gvbsmConfigSchema.omit({ pad: true, densityWeight: true, densityTemperature: true }).shape,
  initialisation: z
    .enum(["noise", "real"])
    .default("real")
    .describe("noise: N(0, 1) in normalised space; real: random training images of the class"),
  jitter: z.int().min(0).default(0).describe("largest circular shift in pixels, both axes"),
  crop: z
    .strictObject(cropRange)
    .refine(({ low, high }) => low <= high, { message: "low must not be above high" })
    .prefault({})
    .describe("range of the random crops that the teachers see, mirrored by chance"),
  classImages: z
    .int()
    .min(1)
    .optional()
    .describe("real images of each class that its own statistics are taken over; default all"),
  smoothingWeight: z
    .number()
    .min(0)
    .default(0)
    .describe("weight of the divergence from the scores of the images' moving average; 0 leaves it out"),
  smoothingDecay: z.number().min(0).lt(1).default(0.99).describe("of that moving average"),
  smoothingTemperature: z.number().positive().default(4).describe("that scores are divided by there"),
});
export type EdcConfigInput = z.input<typeof edcConfigSchema>;
export type EdcConfig = z.output<typeof edcConfigSchema>;
