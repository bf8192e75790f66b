import { z } from "zod";

/**
 * Configuration of NCFM, and of DM and MMD under its recipe. Images are stored as pixels in [0, 1]; batch sizes are per class.
 */
export const ncfmConfigSchema = z
  .strictObject({
    ipc: z.int().min(1).describe("synthetic images per class"),
    iterations: z.int().min(1).default(20_000).describe("matching and calibration steps of every class"),
    network: z.string().default("convnet3").describe("network of the pool, a name of the zoo"),

    factor: z.int().min(1).default(2).describe("a stored image holds factor × factor training images"),
    initialisation: z
      .enum(["mix", "real"])
      .default("mix")
      .describe("start from factor² shrunken real images side by side, or from one real image each"),
    augmentation: z
      .string()
      .default("color+crop+cutout")
      .describe(
        "siamese augmentation of both steps: stages joined by `+`, of each one group of those joined by `_`",
      ),
    labels: z
      .enum(["hard", "teacher"])
      .default("hard")
      .describe(
        "of the finished set: classes, or the probabilities of the pool's first trained network, averaged over the images that a stored image holds",
      ),

    poolNetworks: z.int().min(1).default(20).describe("trained networks, each kept before and after"),
    poolEpochs: z.int().min(1).default(60).describe("epochs of real data each was trained for"),
    poolSeed: z.int().default(0).describe("decides the pool; runs with the same share it"),
    extractor: z
      .enum(["blend", "initial", "trained"])
      .default("blend")
      .describe(
        "features of an iteration come from a random point between a network before and after training, or from either end",
      ),

    discrepancy: z
      .enum(["mean", "mmd", "ncf"])
      .default("ncf")
      .describe("what is minimised: DM's, the Gaussian MMD's, or the characteristic functions' distance"),
    features: z
      .enum(["unit", "raw"])
      .default("unit")
      .describe("features divided by their norm, or as they are"),
    discrepancyWeight: z.number().positive().default(300).describe("factor in front of the discrepancy"),
    bandwidths: z
      .array(z.number().positive())
      .min(1)
      .default([1])
      .describe("`mmd`: standard deviations of the Gaussian kernels that are averaged"),
    amplitudeWeight: z.number().min(0).default(0.5).describe("`ncf`: weight α of the amplitudes' difference"),
    phaseWeight: z.number().min(0).default(0.5).describe("`ncf`: weight β of the phases' difference"),
    frequencies: z.int().min(1).default(4096).describe("`ncf`: number T of frequencies"),
    frequencyDraw: z
      .enum(["class", "iteration"])
      .default("class")
      .describe("`ncf`: fresh frequencies for every class, or one draw for all classes of an iteration"),
    sampling: z
      .enum(["gaussian", "scales", "code-tanh4"])
      .default("gaussian")
      .describe(
        "`ncf`: frequencies from N(0, I), from a sampling network of scale mixtures, or from the code's four tanh vectors",
      ),
    samplingWidth: z.int().min(1).default(256).describe("`scales`: width of the sampling network"),
    samplingLearningRate: z
      .number()
      .positive()
      .default(1e-3)
      .describe("SGD ascent step of the sampling network"),
    samplingMomentum: z.number().min(0).lt(1).default(0.5).describe("of the sampling network"),

    realBatch: z.int().min(1).default(1024).describe("real images per class and iteration"),
    realSampling: z
      .enum(["random", "prefix"])
      .default("random")
      .describe("a random draw each time, or always the first images of the class, as the code does"),

    optimiser: z.enum(["adamw", "sgd"]).default("adamw").describe("of the images"),
    imageLearningRate: z.number().positive().default(1e-3).describe("step on pixels in [0, 1]"),
    imageMomentum: z.number().min(0).lt(1).default(0.5).describe("`sgd`: momentum"),
    imageWeightDecay: z.number().min(0).default(0).describe("decay of the pixels, towards black"),
    plateauPatience: z
      .int()
      .min(1)
      .default(500)
      .describe("iterations without improvement of the discrepancy before the step is reduced"),
    plateauFactor: z.number().gt(0).max(1).default(0.5).describe("what the step is then multiplied by"),

    calibrationSteps: z
      .int()
      .min(0)
      .default(1)
      .describe("cross-entropy steps under the trained network after each matching step; 0 for none"),
    calibrationWeight: z.number().positive().default(1).describe("factor in front of the cross-entropy"),
  })
  .superRefine((config, issues) => {
    const { amplitudeWeight, phaseWeight, sampling, frequencies, discrepancy } = config;
    const issue = (path: string, message: string): void =>
      issues.addIssue({ code: "custom", path: [path], message });
    if (amplitudeWeight === 0 && phaseWeight === 0) {
      issue(
        "amplitudeWeight",
        "amplitudeWeight and phaseWeight are both 0: nothing is left to match; set one above 0",
      );
    }
    if (sampling === "scales" && frequencies % 16 !== 0) {
      issue("frequencies", `frequencies must be a multiple of 16 with sampling "scales", got ${frequencies}`);
    }
    if (sampling !== "gaussian" && discrepancy !== "ncf") {
      issue(
        "sampling",
        `sampling "${sampling}" needs discrepancy "ncf", got "${discrepancy}"; leave it "gaussian"`,
      );
    }
  });
export type NcfmConfigInput = z.input<typeof ncfmConfigSchema>;
export type NcfmConfig = z.output<typeof ncfmConfigSchema>;
