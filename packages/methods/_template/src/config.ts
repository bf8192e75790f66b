import { z } from "zod";

/** The only place where an option, its range, its unit and its default are written. Unknown keys are errors. */
export const meanEmbeddingConfigSchema = z.strictObject({
  ipc: z.int().min(1).describe("synthetic images per class"),
  iterations: z
    .int()
    .min(1)
    .default(1000)
    .describe("updates of the synthetic images, one fresh network each"),
  network: z.string().default("convnet3").describe("matching network, a name of the zoo"),
  realBatch: z.int().min(1).default(128).describe("real images per class and iteration"),
  imageLearningRate: z
    .number()
    .positive()
    .default(1)
    .describe("gradient step on the images, normalised space"),
});
/** What a user writes. */
export type MeanEmbeddingConfigInput = z.input<typeof meanEmbeddingConfigSchema>;
/** What the code reads: defaults filled in. */
export type MeanEmbeddingConfig = z.output<typeof meanEmbeddingConfigSchema>;
