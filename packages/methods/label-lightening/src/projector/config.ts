import { z } from "zod";

/** How a projector is trained: the only place where an option, its range and its default are written. */
export const projectorConfigSchema = z.strictObject({
  encoderRank: z
    .int()
    .min(0)
    .default(8)
    .describe("rank of the adapters in the encoder; 0: none, a linear probe"),
  headRank: z.int().min(1).default(64).describe("rank of the adapter on the head"),
  steps: z.int().min(1).default(1000).describe("updates of adapters and head"),
  batchSize: z.int().min(1).default(128).describe("real images a step"),
  learningRate: z.number().positive().default(1e-3).describe("of Adam, a cosine to 0"),
  classWeight: z.number().min(0).default(0.1).describe("λ of the cross-entropy with the classes"),
  augmentation: z.string().default("crop-flip").describe("of the real images, as in a recipe"),
  refineSteps: z
    .int()
    .min(0)
    .default(0)
    .describe("updates of the synthetic images towards where projector and teacher agree"),
  refineRate: z.number().positive().default(0.01).describe("of Adam, normalised space"),
  seed: z.int().default(0),
});
/** What a user writes. */
export type ProjectorConfigInput = z.input<typeof projectorConfigSchema>;
/** What the code reads: defaults filled in. */
export type ProjectorConfig = z.output<typeof projectorConfigSchema>;

/** Named configurations. */
export const projectorPresets = {
  "imagenet-100": {
    status: "reported",
    source: "HeLlO, ICCV 2025: ranks; all else is unpublished",
    config: { encoderRank: 8, headRank: 64 },
  },
  "imagenet-1k": {
    status: "reported",
    source: "HeLlO, ICCV 2025: ranks; all else is unpublished",
    config: { encoderRank: 8, headRank: 128 },
  },
  "small-images": {
    status: "sample",
    source: "ten classes of 32 by 32",
    config: { encoderRank: 4, headRank: 8, steps: 500, batchSize: 128, learningRate: 0.01 },
  },
} as const satisfies Readonly<
  Record<string, { status: "reported" | "sample"; source: string; config: ProjectorConfigInput }>
>;
