import { createHash } from "node:crypto";
import { halfwayDrop, recipeSchema, withoutGroup, type ImageDataset, type Recipe } from "@limbeck/core";
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

/** JSON with the keys of every object in alphabetical order. */
export function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_, node: unknown) =>
    typeof node === "object" && node !== null && !Array.isArray(node)
      ? Object.fromEntries(Object.entries(node).sort(([a], [b]) => (a < b ? -1 : 1)))
      : node,
  );
}

/** The protocol's recipe for one data set: the flip decided. */
export function recipeFor(
  { recipe, flip }: Protocol,
  dataset: Pick<ImageDataset, "mirrorInvariant">,
): Recipe {
  if (flip === "always" || dataset.mirrorInvariant || !recipe.augmentation.includes("flip")) return recipe;
  return { ...recipe, augmentation: withoutGroup(recipe.augmentation, "flip") };
}

/**
 * The same recipe with another number of epochs and a name that says so: `dsa-v1` with 300 becomes `dsa-e300-v1`.
 *
 * Protocols that start a new optimiser when the rate drops (those of DC's family) take it as the nominal number E of the reference
 * loops: E + 1 passes are made and the rate drops after pass ⌊E/2⌋ + 1 (0-based). Others make E passes and drop at the same parts
 * of the training.
 */
export function withEpochs(protocol: Protocol, epochs: number): Protocol {
  const { recipe } = protocol;
  const { schedule } = recipe;
  const nominal = recipe.resetAtSteps
    ? halfwayDrop(epochs)
    : {
        epochs,
        at:
          schedule.kind === "steps" ? schedule.at.map((at) => Math.round((at * epochs) / recipe.epochs)) : [],
      };
  const drops = nominal.at.filter((epoch) => epoch >= 1 && epoch < nominal.epochs);
  return protocolSchema.parse({
    ...protocol,
    name: `${protocol.name}-e${epochs}`,
    recipe: {
      ...recipe,
      epochs: nominal.epochs,
      schedule: schedule.kind === "steps" ? { ...schedule, at: drops } : schedule,
    },
  });
}
