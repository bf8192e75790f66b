import { z } from "zod";

/** How an image encoder is trained by self-supervision: the only place where an option, its range and its default are written. */
export const encoderSchema = z.strictObject({
  network: z.string().default("resnet18-batch").describe("name of the zoo; what it embeds is trained"),
  epochs: z.int().min(1).default(100).describe("complete passes over the images"),
  batchSize: z.int().min(2).default(128).describe("images a step, two views each"),
  learningRate: z.number().positive().default(0.06).describe("of SGD with momentum 0.9, cosine to 0"),
  weightDecay: z.number().min(0).default(5e-4),
  temperature: z.number().positive().default(0.5).describe("τ of the loss"),
  projection: z
    .strictObject({
      width: z.int().min(1).optional().describe("hidden units; default as many as the embedding has"),
      outputs: z.int().min(2).default(128),
    })
    .prefault({})
    .describe("head that only the loss sees"),
  views: z
    .strictObject({
      smallestCrop: z.number().gt(0).max(1).default(0.08).describe("share of the area"),
      colourStrength: z.number().min(0).max(1).default(0.5).describe("of the jitter; 1 for photographs"),
      greyProbability: z.number().min(0).max(1).default(0.2),
    })
    .prefault({}),
  validationShare: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.1)
    .describe("of every class's training images, which the encoder does not see: they try it out"),
  seed: z.int().min(0).default(0).describe("decides initial parameters, order and views"),
});
/** What a user writes. */
export type EncoderConfigInput = z.input<typeof encoderSchema>;
/** What the code reads: defaults filled in. */
export type EncoderConfig = z.output<typeof encoderSchema>;
