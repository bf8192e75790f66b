import { ConfigError } from "../errors.ts";
import { integers, permutation } from "../random/draw.ts";
import { foldIn, keyFromSeed, type Key } from "../random/key.ts";
import { batchesPerEpoch, type StoredBatches, type ViewPlan } from "../synthetic/view-labels.ts";
import type { Recipe } from "./recipe.ts";

/** Which images a batch has and the key of its augmentation: with these it can be made again. */
export interface View {
  /** Number of the batch from the start of the plan that it belongs to. */
  readonly number: number;
  /** Positions of the images, or all in their order. */
  readonly chosen: Int32Array | undefined;
  readonly key: Key;
}

/** The batches of a training by epoch and place. */
export type Views = (epoch: number, batch: number) => View;

/** Batches that follow from `key`: each epoch all images in a fresh random order. */
export function freshViews(key: Key, size: number, batchSize: number): Views {
  const perEpoch = batchesPerEpoch({ size, batchSize });
  let known: { readonly epoch: number; readonly order: Int32Array } | undefined;
  return (epoch, batch) => {
    const number = epoch * perEpoch + batch;
    const own = foldIn(foldIn(key, "step"), number);
    // One batch of everything: its order does not matter.
    if (perEpoch === 1) return { number, chosen: undefined, key: own };
    if (known?.epoch !== epoch) {
      known = { epoch, order: permutation(foldIn(foldIn(key, "order"), epoch), size) };
    }
    return { number, chosen: known.order.subarray(batch * batchSize, (batch + 1) * batchSize), key: own };
  };
}

/** The batch of a plan with that number. */
export function plannedViews(plan: ViewPlan): (number: number) => View {
  const perEpoch = batchesPerEpoch(plan);
  const views = freshViews(foldIn(keyFromSeed(plan.seed), "views"), plan.size, plan.batchSize);
  return (number) => views(Math.floor(number / perEpoch), number % perEpoch);
}

/**
 * The batches of a training on stored labels of views: the plan's own in their order, or a draw from those that are stored. A draw that
 * falls on an epoch's smaller last batch takes the one before it.
 *
 * @param key Of the student: decides the draw.
 */
export function replayedViews(plan: ViewPlan, { count, draw }: StoredBatches, key: Key): Views {
  const perEpoch = batchesPerEpoch(plan);
  const planned = plannedViews(plan);
  if (draw === "order") return (epoch, batch) => planned(epoch * perEpoch + batch);
  if (draw === "epochs") {
    const epochs = Math.floor(count / perEpoch);
    return (epoch, batch) => {
      const [drawn] = integers(foldIn(foldIn(key, "pool"), epoch), 1, 0, epochs);
      return planned(drawn! * perEpoch + batch);
    };
  }
  const hasShort = perEpoch > 1 && plan.size % plan.batchSize !== 0;
  return (epoch, batch) => {
    const [drawn] = integers(foldIn(foldIn(key, "pool"), epoch * perEpoch + batch), 1, 0, count);
    return planned(hasShort && (drawn! + 1) % perEpoch === 0 ? drawn! - 1 : drawn!);
  };
}

/**
 * The plan of the views that a recipe makes of `size` images.
 *
 * @param seed Decides order and augmentation.
 */
export function viewPlan(
  { batchSize, epochs, augmentation, mixing }: Recipe,
  size: number,
  seed: number,
): ViewPlan {
  return {
    size,
    batchSize: Math.min(batchSize, size),
    epochs,
    seed,
    augmentation,
    ...(mixing === undefined ? {} : { mixing }),
  };
}

/**
 * Checks that a recipe trains on the views of a plan: labels of other views would be wrong without any sign of it.
 *
 * @throws {ConfigError} naming the first value that differs.
 */
export function checkPlan(recipe: Recipe, plan: ViewPlan, { draw }: StoredBatches): void {
  const own = viewPlan(recipe, plan.size, plan.seed);
  for (const name of ["batchSize", "augmentation", "mixing"] as const) {
    const [wanted, got] = [JSON.stringify(plan[name]), JSON.stringify(own[name])];
    if (wanted === got) continue;
    throw new ConfigError(
      `training on labels of views: they were made with ${name} ${wanted ?? "none"}, the recipe has ${got ?? "none"}; train with that, or label the set again by this recipe`,
    );
  }
  if (draw === "order" && own.epochs > plan.epochs) {
    throw new ConfigError(
      `training on labels of views: they are of ${plan.epochs} epochs, the recipe has ${own.epochs}; train at most that many, or label the set again`,
    );
  }
}
