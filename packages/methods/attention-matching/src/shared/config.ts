import { INITIALISATIONS } from "@limbeck/core";
import { z } from "zod";

/**
 * Settings that every method of the family has. Each method extends this object with its own loss.
 * Units: images in normalised space; batch sizes are per class.
 */
export const matchingConfigShape = {
  ipc: z.int().min(1).describe("synthetic images per class"),
  iterations: z.int().min(1).describe("updates of the synthetic images, one fresh random network each"),
  network: z.string().default("convnet3").describe("matching network, a name of the zoo"),
  realBatch: z.int().min(1).default(256).describe("real images per class and iteration"),
  imageLearningRate: z.number().positive().default(1).describe("SGD step on the images"),
  imageRateHalfLife: z
    .union([z.literal("none"), z.int().min(1)])
    .default("none")
    .describe(
      "updates in which the step on the images halves, again and again, so that a short run begins with large ones and ends with fine ones; `none`: always the same, as published",
    ),
  imageMomentum: z.number().min(0).lt(1).default(0.5).describe("SGD momentum on the images"),
  initialisation: z
    .enum(INITIALISATIONS)
    .default("real")
    .describe(
      "start from random real images, Gaussian noise, the real images nearest to k-means centres, or (`mix`) factor² shrunken real images side by side",
    ),
  factor: z
    .int()
    .min(1)
    .default(1)
    .describe("multi-formation: a stored image holds factor × factor training images of a lower resolution"),
  flipEmbedding: z
    .boolean()
    .default(false)
    .describe("FYI: match every synthetic image together with its mirror image; not for digits"),
  augmentation: z
    .string()
    .default("auto")
    .describe(
      "siamese augmentation: a DSA strategy string, `none`, or `auto` (all groups; no flip where mirror images change class); `flip+color_crop_cutout_scale_rotate` mirrors first, then applies one of the rest, as FYI's code does",
    ),
} as const;

/** The parsed form of {@link matchingConfigShape}. */
export interface MatchingConfig {
  readonly ipc: number;
  readonly iterations: number;
  readonly network: string;
  readonly realBatch: number;
  readonly imageLearningRate: number;
  readonly imageRateHalfLife: "none" | number;
  readonly imageMomentum: number;
  readonly initialisation: (typeof INITIALISATIONS)[number];
  readonly factor: number;
  readonly flipEmbedding: boolean;
  readonly augmentation: string;
}
