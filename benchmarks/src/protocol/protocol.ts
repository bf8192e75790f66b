import { createHash } from "node:crypto";
import {
  halfwayDrop,
  recipeSchema,
  sortedJson,
  withoutGroup,
  type ImageDataset,
  type Recipe,
} from "@limbeck/core";
import { z } from "zod";

/**
 * An evaluation protocol is data: name, version and everything that decides the number. Methods cannot reach into it;
 * a change of any value is a new version or a new name.
 */
export const protocolSchema = z.strictObject({
  /** Short name, lower case, such as `dsa`. */
  name: z.string().regex(/^[a-z][a-z0-9-]*$/),
  version: z.int().min(1),
  /** Paper or repository file the values come from. */
  source: z.string().min(1),
  /** How each fresh network is trained on the set. */
  recipe: recipeSchema,
  /** A flip in the augmentation is left out where mirroring changes the class, as the published strategies for digits do. */
  flip: z.enum(["always", "where-mirror-invariant"]),
  /** Networks are trained with the step size that the set carries, as its learning rate; the recipe's where it has none. */
  stepSize: z.literal("learned").optional(),
  /**
   * Labels that the set is scored with, whatever its own are: the likeliest class of each, or the class probabilities that a network
   * trained on the real training split gives each image. Without it the set's own.
   */
  labels: z
    .discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("hard") }),
      z.strictObject({
        kind: z.literal("teacher"),
        network: z.string(),
        recipe: recipeSchema,
        seed: z.int(),
      }),
    ])
    .optional(),
  /** Sets whose images decode into several make as many fewer epochs: equal sets of stored images cost the same. */
  budget: z.literal("stored-images").optional(),
  /**
   * What is chosen for each set, by the accuracy of one network on a part of the real training images: the learning rate, and the
   * share of the epochs. The same candidates for every set.
   */
  tune: z
    .strictObject({
      learningRates: z.array(z.number().positive()).min(1),
      epochShares: z.array(z.number().gt(0).max(1)).min(1),
      /** Part of each class of the training split. */
      validation: z.number().gt(0).lt(1),
    })
    .optional(),
  /** Which network counts. The last epoch: nothing is chosen on the test split. */
  selection: z.literal("last"),
});

/** @see protocolSchema */
export type Protocol = Readonly<z.output<typeof protocolSchema>>;

/** `name-vN`: how a protocol is called in records, tables and options. */
export function protocolId({ name, version }: Protocol): string {
  return `${name}-v${version}`;
}

/** SHA-256 over a protocol's values (its `source` aside), hexadecimal: tests pin it, so that a protocol cannot change unseen. */
export function protocolHash({ source: _source, ...values }: Protocol): string {
  return createHash("sha256").update(sortedJson(values)).digest("hex");
}

/**
 * The protocol's recipe for one data set: the flip decided.
 *
 * @param set Its step size counts where it has one and the protocol uses it, its factor where the protocol has a budget.
 */
export function recipeFor(
  { recipe: published, flip, stepSize: use, budget }: Protocol,
  dataset: Pick<ImageDataset, "mirrorInvariant">,
  { stepSize, factor = 1 }: { readonly stepSize?: number; readonly factor?: number } = {},
): Recipe {
  const epochs =
    budget === undefined ? published.epochs : Math.max(1, Math.round(published.epochs / factor ** 2));
  const learningRate = use === undefined || stepSize === undefined ? published.learningRate : stepSize;
  const recipe = { ...published, epochs, learningRate };
  if (flip === "always" || dataset.mirrorInvariant || !recipe.augmentation.includes("flip")) return recipe;
  const { augmentation } = recipe;
  return {
    ...recipe,
    augmentation: augmentation === "crop-flip" ? "crop" : withoutGroup(augmentation, "flip"),
  };
}

/**
 * The same recipe with another nominal number of epochs E and a name that says so: `dsa-v1` with 300 becomes `dsa-e300-v1`.
 *
 * Protocols of DC's loop (a new optimiser at the drop) make E + 1 passes and drop the rate after pass ⌊E/2⌋ + 1 (0-based), as
 * that loop does; others make E and keep their drops in proportion.
 */
export function withEpochs(protocol: Protocol, epochs: number): Protocol {
  const { schedule, resetAtSteps, epochs: before } = protocol.recipe;
  const { epochs: passes, at } = resetAtSteps
    ? halfwayDrop(epochs)
    : { epochs, at: schedule.kind === "steps" ? inProportion(schedule.at, epochs / before) : [] };
  const drops = at.filter((epoch) => epoch < passes);
  return protocolSchema.parse({
    ...protocol,
    name: `${protocol.name}-e${epochs}`,
    recipe: {
      ...protocol.recipe,
      epochs: passes,
      schedule: schedule.kind === "steps" ? { ...schedule, at: drops } : schedule,
    },
  });
}

/** Epochs of drops for a recipe `share` times as long. */
function inProportion(at: readonly number[], share: number): number[] {
  return at.map((epoch) => Math.round(epoch * share)).filter((epoch) => epoch >= 1);
}
