import { foldIn, keyFromSeed, RunError, stratifiedSplit, subsetOfSplit, type Recipe } from "@limbeck/core";
import type { Protocol } from "../protocol/protocol.ts";
import { trainAndTest, type Training } from "./train-and-test.ts";

/** What was chosen for a set, and by what. */
export interface Tuned {
  readonly learningRate: number;
  readonly epochs: number;
  /** Percent on the held-out training images. */
  readonly validation: number;
}

/**
 * Tries every learning rate with every share of the epochs, one network each, all from the same seed, and takes the one that does best
 * on held-out training images; of equals the first. A network whose loss is not finite counts as failed.
 *
 * @throws {RunError} if all fail.
 */
export async function tuneRecipe(
  training: Training,
  { learningRates, epochShares, validation }: NonNullable<Protocol["tune"]>,
  signal: AbortSignal | undefined,
  onEpoch: (epoch: number, epochs: number, loss: number) => void,
): Promise<Tuned> {
  const { dataset, recipe } = training;
  const held = heldOut(training, validation);
  const key = foldIn(keyFromSeed(0), "tune");
  const candidates = learningRates.flatMap((learningRate) =>
    epochShares.map((share) => ({ learningRate, epochs: Math.max(1, Math.round(share * recipe.epochs)) })),
  );
  const total = candidates.reduce((sum, { epochs }) => sum + epochs, 0);
  let done = 0;
  let best: Tuned | undefined;
  for (const candidate of candidates) {
    const tried = { ...training, recipe: tunedRecipe(recipe, candidate) };
    const split = subsetOfSplit(dataset.train, held);
    const percent = await trainAndTest(tried, split, key, signal, (epoch, loss) =>
      onEpoch(done + epoch, total, loss),
    ).catch((error: unknown) => {
      if (error instanceof RunError) return undefined;
      throw error;
    });
    done += candidate.epochs;
    if (percent !== undefined && (best === undefined || percent > best.validation)) {
      best = { ...candidate, validation: percent };
    }
  }
  if (best !== undefined) return best;
  throw new RunError(`evaluate: training diverged under every learning rate of ${learningRates.join(", ")}`);
}

/** Positions in the training split that are held out: the same for every set. */
export function heldOut({ dataset }: Pick<Training, "dataset">, share: number): Int32Array {
  return stratifiedSplit(dataset.train.labels, share, foldIn(keyFromSeed(0), "validation")).validation;
}

/** The recipe with what was chosen; drops of the rate keep their place in proportion. */
export function tunedRecipe(
  recipe: Recipe,
  { learningRate, epochs }: Pick<Tuned, "learningRate" | "epochs">,
): Recipe {
  const { schedule } = recipe;
  if (schedule.kind !== "steps" || epochs === recipe.epochs) return { ...recipe, learningRate, epochs };
  const at = schedule.at.map((epoch) => Math.max(1, Math.round((epoch * epochs) / recipe.epochs)));
  return { ...recipe, learningRate, epochs, schedule: { ...schedule, at } };
}
