import { teacherSchema } from "@limbeck/core";
import { z } from "zod";
import { recoverOptions } from "../shared/config.ts";

/** Options of G-VBSM. */
export const gvbsmConfigSchema = z.strictObject({
  ...recoverOptions,
  order: recoverOptions.order
    .unwrap()
    .default("classes")
    .describe("classes: all images of a class in one batch, as published"),
  jitter: recoverOptions.jitter.unwrap().default(32).describe("largest circular shift in pixels, both axes"),
  imageLearningRate: recoverOptions.imageLearningRate
    .unwrap()
    .default(0.05)
    .describe("of Adam on the images, normalised space; cosine to 0 within each batch"),
  teachers: z
    .array(teacherSchema)
    .min(1)
    .default([teacherSchema.parse({})])
    .describe("they take turns, one an iteration"),
  pad: z
    .int()
    .min(0)
    .default(4)
    .describe("zeros around the images, of which the teachers see random windows"),
  statisticsImages: z
    .int()
    .min(1)
    .optional()
    .describe("real images that the convolutions' statistics are taken over; default all"),
  momentum: z
    .number()
    .min(0)
    .lt(1)
    .default(0.8)
    .describe("share of the past in the batch statistics that are compared"),
  dropRate: z
    .number()
    .min(0)
    .lt(1)
    .default(0.4)
    .describe("probability that a convolution is left out of an iteration"),
  densityWeight: z
    .number()
    .min(0)
    .default(1)
    .describe("weight of the term that spreads the images of a class"),
  densityTemperature: z.number().positive().default(4).describe("of that term's softer distribution"),
});
export type GvbsmConfigInput = z.input<typeof gvbsmConfigSchema>;
export type GvbsmConfig = z.output<typeof gvbsmConfigSchema>;
