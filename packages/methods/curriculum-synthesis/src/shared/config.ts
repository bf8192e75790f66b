import { teacherSchema } from "@limbeck/core";
import { z } from "zod";

/** A range of crop scales: shares of the image's area. */
export const cropRange = {
  low: z.number().gt(0).max(1).default(0.08).describe("smallest share of the image's area that a crop shows"),
  high: z.number().gt(0).max(1).default(1).describe("largest share"),
};

/** Options of the methods that recover images from a teacher. Times are iterations of one batch. */
export const recoverOptions = {
  ipc: z.int().min(1).describe("synthetic images per class"),
  iterations: z.int().min(1).default(4000).describe("updates of every batch of images"),
  batchSize: z
    .int()
    .min(1)
    .default(100)
    .describe("images that are recovered together, and whose statistics are matched together"),
  order: z
    .enum(["rows", "classes"])
    .default("rows")
    .describe("a batch holds one image of every class after the other (rows), or all of a class first"),
  imageLearningRate: z
    .number()
    .positive()
    .default(0.25)
    .describe("of Adam on the images, normalised space; cosine to 0 within each batch"),
  statisticsWeight: z.number().min(0).default(0.01).describe("α of the batch-normalisation statistics"),
  firstLayerWeight: z.number().min(0).default(10).describe("factor on the first layer's statistics"),
  statisticsScale: z
    .enum(["published", "normalised"])
    .default("published")
    .describe(
      "normalised: each layer's distance over the square root of its channels, then the mean over layers; one α then fits all depths",
    ),
  totalVariation: z.number().min(0).default(0).describe("weight of differences between neighbouring pixels"),
  lengthWeight: z.number().min(0).default(0).describe("weight of the mean length of the images"),
  jitter: z.int().min(0).default(4).describe("largest circular shift in pixels, both axes"),
  shift: z
    .enum(["forward", "both"])
    .default("forward")
    .describe("shifts of 0 … jitter, or of −jitter … jitter"),
  views: z
    .enum(["batch", "image"])
    .default("batch")
    .describe("one crop, flip and shift for the whole batch, as published, or one for every image"),
  initialisation: z
    .enum(["noise", "real"])
    .default("noise")
    .describe("noise: N(0, 1) in normalised space; real: random training images of the class"),
};

/** Of methods with one teacher. */
export const teacherOption = { teacher: teacherSchema.prefault({}) };

/** What {@link recoverOptions} become. */
export type RecoverConfig = {
  readonly [Name in keyof typeof recoverOptions]: z.output<(typeof recoverOptions)[Name]>;
};
