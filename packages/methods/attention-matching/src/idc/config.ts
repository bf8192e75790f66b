import { z } from "zod";
import { matchingConfigShape } from "../shared/config.ts";

const {
  ipc,
  iterations,
  network,
  realBatch,
  imageRateHalfLife,
  imageMomentum,
  initialisation,
  factor,
  flipEmbedding,
} = matchingConfigShape;

/** Configuration of IDC. With factor 1 it is what its paper calls IDC-I. Pixels are in [0, 1]. */
export const idcConfigSchema = z.strictObject({
  ipc,
  iterations: iterations
    .default(200_000)
    .describe("updates of the synthetic images, all classes in each; the paper makes 2000 networks × 100"),
  network,
  realBatch: realBatch.default(64),
  syntheticBatch: z
    .int()
    .min(1)
    .default(128)
    .describe("decoded images matched per class and update, at random where there are more"),
  baseLearningRate: z
    .number()
    .positive()
    .default(5e-3)
    .describe(
      "SGD step on the pixels for 10 images per class of baseSize: multiplied by ipc / 10 and (side / baseSize)²",
    ),
  baseSize: z.int().min(1).default(32).describe("side of the images that baseLearningRate is meant for"),
  imageRateHalfLife,
  imageMomentum,
  initialisation: initialisation.default("mix"),
  factor: factor.default(2),
  flipEmbedding,
  augmentation: z
    .string()
    .default("color+crop+cutout")
    .describe("siamese augmentation of the matched images: a DSA strategy string, `none` or `auto`"),
  distance: z
    .enum(["mse", "l1"])
    .default("mse")
    .describe("of the gradients of the convolution filters: sum of squared or of absolute differences"),
  updatesPerNetwork: z.int().min(1).default(100).describe("updates of the images before a fresh network"),
  pretrainEpochs: z
    .int()
    .min(0)
    .default(0)
    .describe("epochs of a fresh network on the real images before it is matched on"),
  trainingImages: z
    .int()
    .min(0)
    .default(2000)
    .describe("real images that the network trains on between two updates"),
  trainingBatch: z.int().min(1).default(64),
  trainingAugmentation: z
    .string()
    .default("color+crop")
    .describe(
      "of the real images that the network trains on: a DSA strategy, parameters drawn per image, or `none`",
    ),
  mixProbability: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe("share of the training batches under CutMix"),
  networkLearningRate: z.number().positive().default(0.01),
  networkMomentum: z.number().min(0).lt(1).default(0.9),
  networkWeightDecay: z.number().min(0).default(5e-4),
});
export type IdcConfigInput = z.input<typeof idcConfigSchema>;
export type IdcConfig = z.output<typeof idcConfigSchema>;
