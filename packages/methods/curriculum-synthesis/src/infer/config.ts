import { teacherSchema } from "@limbeck/core";
import { z } from "zod";
import { cropRange, recoverOptions } from "../shared/config.ts";

const { imageLearningRate, firstLayerWeight, statisticsScale, jitter, shift } = recoverOptions;

/** Options of INFER. Times are iterations of one compensator. */
export const inferConfigSchema = z.strictObject({
  ipc: z.int().min(1).describe("synthetic images per class, as `budget` counts them"),
  budget: z
    .enum(["images", "tensors"])
    .default("images")
    .describe(
      "images: a class gets ipc images, real and compensated together; tensors: ipc counts what has to be stored, the real images and the compensators that all classes share, and a class gets more images",
    ),
  iterations: z.int().min(1).default(1000).describe("updates of every compensator"),
  teachers: z
    .array(teacherSchema)
    .min(1)
    .default([teacherSchema.parse({})])
    .describe("one compensator a row for each of them"),
  batchSize: z
    .int()
    .min(1)
    .default(100)
    .describe("images that see a compensator in one iteration; with more classes, blocks of them take turns"),
  imageLearningRate,
  statisticsWeight: z.number().min(0).default(1).describe("α of the batch-normalisation statistics"),
  firstLayerWeight,
  statisticsScale,
  jitter,
  shift,
  crop: z
    .union([
      z.literal("none"),
      z
        .strictObject(cropRange)
        .refine(({ low, high }) => low <= high, { message: "low must not be above high" }),
    ])
    .default("none")
    .describe("range of the random crops that the teachers see, mirrored by chance; none: whole images"),
  labels: z
    .enum(["static", "hard"])
    .default("static")
    .describe("static: the mean of the teachers' scores on every image as it is, once; hard: its class"),
});
export type InferConfigInput = z.input<typeof inferConfigSchema>;
export type InferConfig = z.output<typeof inferConfigSchema>;
