import { z } from "zod";
import { cropRange, teacherOption } from "../shared/config.ts";

/** Options of RDED. */
export const rdedConfigSchema = z.strictObject({
  ipc: z.int().min(1).describe("synthetic images per class"),
  iterations: z
    .int()
    .min(1)
    .default(20)
    .describe("rounds in which the candidates are scored, a share of them in each"),
  ...teacherOption,
  candidates: z.int().min(1).default(300).describe("random training images of each class to choose from"),
  crops: z.int().min(1).default(5).describe("random square crops of each of them; the best one is kept"),
  crop: z
    .strictObject(cropRange)
    .refine(({ low, high }) => low <= high, { message: "low must not be above high" })
    .prefault({})
    .describe("range of the crops' share of the area"),
  factor: z
    .int()
    .min(1)
    .default(1)
    .describe(
      "crops along each side of an image: 2 for large images, 1 (no mosaic) for those of 32 and 64 pixels",
    ),
  batchSize: z.int().min(1).default(500).describe("crops that are scored together"),
});
export type RdedConfigInput = z.input<typeof rdedConfigSchema>;
export type RdedConfig = z.output<typeof rdedConfigSchema>;
