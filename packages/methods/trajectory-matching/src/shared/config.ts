import { INITIALISATIONS } from "@limbeck/core";
import { z } from "zod";
import { expertConfigShape } from "../experts/expert-config.ts";

/** Settings that every method of the family has. Each method extends this object by what it changes. */
export const trajectoryConfigShape = {
  ipc: z.int().min(1).describe("synthetic images per class"),
  iterations: z.int().min(1).default(5000).describe("updates of the synthetic images, one segment each"),
  network: z.string().default("convnet3").describe("network of experts and students, a name of the zoo"),
  innerSteps: z.int().min(1).default(20).describe("N: steps of the student on the synthetic images"),
  matchedEpochs: z.int().min(1).default(2).describe("M: epochs of the expert that they are to make up for"),
  maxStartEpoch: z
    .int()
    .min(1)
    .default(20)
    .describe("T⁺: segments start at the expert's epochs 0 … T⁺ − 1, at random"),
  syntheticBatch: z
    .union([z.literal("full"), z.int().min(1)])
    .default("full")
    .describe("stored images in a step of the student; any number: memory grows with it alone"),
  stepSize: z.number().min(1e-6).max(1).default(0.01).describe("first η of the student's SGD"),
  stepSizeLearningRate: z.number().min(0).default(1e-5).describe("SGD step on η; 0: η stays"),
  stepSizeMomentum: z.number().min(0).lt(1).default(0.5),
  imageLearningRate: z.number().positive().default(1000).describe("SGD step on the images, normalised space"),
  imageMomentum: z.number().min(0).lt(1).default(0.5),
  lossThreshold: z
    .union([z.literal("none"), z.number().positive()])
    .default("none")
    .describe("a step whose loss is above it changes nothing; 1 is the loss of a student that stands still"),
  gradientLimit: z
    .union([z.literal("none"), z.number().positive()])
    .default("none")
    .describe(
      "a step whose images' gradient is longer than this many times its running mean changes nothing: derivatives through many steps can explode",
    ),
  gradient: z
    .enum(["exact", "truncated"])
    .default("exact")
    .describe("exact adjoint of the student's run, or TESLA's published approximation"),
  initialisation: z
    .enum(INITIALISATIONS)
    .default("real")
    .describe("start from random real images, noise, k-means members or (`mix`) shrunken real images"),
  factor: z
    .int()
    .min(1)
    .default(1)
    .describe("multi-formation: a stored image holds factor × factor training images of a lower resolution"),
  flipEmbedding: z
    .boolean()
    .default(false)
    .describe("FYI: the student trains on every image together with its mirror image; not for digits"),
  augmentation: z
    .string()
    .default("auto")
    .describe(
      "of the student's batches, drawn per image: a DSA strategy, `none`, or `auto` (all groups; no flip where mirror images change class)",
    ),
  ...expertConfigShape,
} as const;

/** The parsed form of {@link trajectoryConfigShape}. */
export type TrajectoryConfig = z.output<z.ZodObject<typeof trajectoryConfigShape>>;
