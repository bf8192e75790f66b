import { z } from "zod";

/**
 * How the experts are trained and kept: networks trained on the real images, whose parameters after every epoch are what the
 * methods match. Plain SGD as MTT has it unless options say otherwise; every method can use every kind, so that sweeps and
 * comparisons share experts.
 */
export const expertConfigShape = {
  experts: z.int().min(1).default(100).describe("networks trained on the real images"),
  expertEpochs: z
    .union([z.literal("auto"), z.int().min(1)])
    .default("auto")
    .describe("epochs of each expert; `auto`: as many as the start epochs can reach"),
  expertSeed: z.int().default(0).describe("of the experts, so that runs of different seeds share them"),
  expertLearningRate: z.number().positive().default(0.01),
  expertMomentum: z.number().min(0).lt(1).default(0),
  expertWeightDecay: z.number().min(0).default(0),
  expertBatch: z.int().min(1).default(256).describe("real images a step"),
  expertAugmentation: z
    .string()
    .default("auto")
    .describe("a DSA strategy, parameters drawn per image; `none`, or `auto` as for `augmentation`"),
  expertDropEpoch: z
    .int()
    .min(0)
    .default(0)
    .describe("epoch from which on the learning rate is lower, with a fresh momentum; 0: never"),
  expertDropFactor: z
    .number()
    .positive()
    .default(0.6)
    .describe("of the learning rate from expertDropEpoch on"),
  sharpnessRadius: z
    .number()
    .min(0)
    .default(0)
    .describe("ρ of GSAM, which makes trajectories flat (FTD); 0: plain SGD"),
  surrogateWeight: z
    .number()
    .min(0)
    .default(0)
    .describe("α of GSAM: weight of the surrogate gap; without effect where sharpnessRadius is 0"),
  lossRampEpochs: z
    .int()
    .min(0)
    .default(0)
    .describe("epochs in which the factor of the loss rises from 0.5 to 1 (AST); 0: 1 from the start"),
  gradientPenalty: z
    .number()
    .min(0)
    .default(0)
    .describe("weight of the penalty that keeps the scores' derivative in each pixel near 1 (AST)"),
  expertStorage: z
    .enum(["float32", "float16", "bfloat16"])
    .default("float32")
    .describe("of the snapshots: exact, or the difference from the first parameters in half the bytes"),
  validationShare: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe("share of every class that is held out of everything, for choosing among finished sets"),
} as const;

/** The parsed form of {@link expertConfigShape}. */
export type ExpertConfig = z.output<z.ZodObject<typeof expertConfigShape>>;
