import { z } from "zod";

/**
 * How a fresh network is trained: complete, and the same for every set that is compared under it.
 * Times are epochs, 0-based.
 */
export const recipeSchema = z.strictObject({
  optimiser: z.enum(["sgd", "adam", "adamw"]).default("sgd"),
  learningRate: z.number().positive(),
  momentum: z.number().min(0).lt(1).default(0).describe("of sgd; adam has its usual betas"),
  nesterov: z.boolean().default(false),
  weightDecay: z.number().min(0).default(0),
  epochs: z.int().min(1).describe("complete passes over the images"),
  batchSize: z.int().min(1).default(256).describe("images a step; all of them where there are fewer"),
  schedule: z
    .discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("constant") }),
      z.strictObject({
        kind: z.literal("steps"),
        at: z.array(z.int().min(1)).describe("epochs from whose start on the rate is multiplied once more"),
        factor: z.number().positive().default(0.1),
      }),
      z.strictObject({
        kind: z.literal("cosine"),
        smoothing: z.number().positive().default(1),
        warmup: z.int().min(0).default(0).describe("epochs of a linear rise before"),
      }),
    ])
    .default({ kind: "constant" }),
  resetAtSteps: z
    .boolean()
    .default(false)
    .describe(
      "a new optimiser at each step of the schedule: momentum starts from zero, as in the code of DC",
    ),
  augmentation: z
    .string()
    .default("none")
    .describe(
      "a DSA strategy (parameters drawn per image; stages joined by `+`), `crop-flip`, `crop`, `resized-crop`, `dc-crop-scale-rotate`, `dc-crop-noise` (those of DC, per image), or `none`",
    ),
  mixing: z
    .strictObject({
      kind: z.enum(["mixup", "cutmix"]),
      alpha: z.number().positive().default(1),
      probability: z.number().gt(0).max(1).default(1).describe("share of the batches that are mixed"),
    })
    .optional(),
  loss: z
    .discriminatedUnion("kind", [
      z.strictObject({
        kind: z.literal("cross-entropy"),
        temperature: z.number().positive().default(1).describe("class scores are divided by it"),
        temperaturePower: z
          .number()
          .min(0)
          .default(0)
          .describe("the loss is multiplied by temperature to this power"),
        studentTemperature: z
          .number()
          .positive()
          .optional()
          .describe(
            "divides the student's scores in place of `temperature`, which then is the teacher's alone",
          ),
      }),
      z.strictObject({
        kind: z.literal("mse"),
        classWeight: z
          .number()
          .min(0)
          .optional()
          .describe("of a cross-entropy with the classes beside it, where the labels are a teacher's scores"),
      }),
    ])
    .default({ kind: "cross-entropy", temperature: 1, temperaturePower: 0 }),
  averageDecay: z
    .number()
    .min(0)
    .lt(1)
    .optional()
    .describe("give the exponential moving average of the parameters, with this decay a step"),
});

/** A complete recipe. @see recipeSchema */
export type Recipe = z.output<typeof recipeSchema>;

/**
 * When the learning rate drops in the published loops of DC and its successors, for a nominal number E of epochs: they train
 * epochs 0 … E, E + 1 in all, and drop after epoch ⌊E/2⌋ + 1, the last one at the old rate.
 */
export function halfwayDrop(nominalEpochs: number): {
  readonly epochs: number;
  readonly at: readonly number[];
} {
  return { epochs: nominalEpochs + 1, at: [Math.floor(nominalEpochs / 2) + 2] };
}
