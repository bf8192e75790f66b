import { expect, test } from "vitest";
import { keyFromSeed } from "../random/key.ts";
import { batchesPerEpoch, viewRange } from "../synthetic/view-labels.ts";
import { recipeSchema } from "./recipe.ts";
import { checkPlan, plannedViews, replayedViews, viewPlan } from "./views.ts";

const recipe = recipeSchema.parse({
  learningRate: 0.1,
  epochs: 6,
  batchSize: 4,
  augmentation: "crop-flip",
  mixing: { kind: "cutmix" },
});
const plan = viewPlan(recipe, 10, 5);
const numbersOf = (draw: "order" | "batches" | "epochs", count: number, epochs: number): number[][] => {
  const views = replayedViews(plan, { count, draw }, keyFromSeed("student"));
  return Array.from({ length: epochs }, (_, epoch) => [0, 1, 2].map((batch) => views(epoch, batch).number));
};

test("labels lie one after the other: batches of 4, 4 and 2 an epoch", () => {
  expect(batchesPerEpoch(plan)).toBe(3);
  expect([0, 1, 2, 3, 5].map((number) => viewRange(plan, number))).toEqual([
    { first: 0, count: 4 },
    { first: 4, count: 4 },
    { first: 8, count: 2 },
    { first: 10, count: 4 },
    { first: 18, count: 2 },
  ]);
});

test("each epoch of a plan visits all images once; the same number is the same view", () => {
  const view = plannedViews(plan);
  for (const epoch of [0, 5]) {
    const visited = [0, 1, 2].flatMap((batch) => [...view(3 * epoch + batch).chosen!]);
    expect(visited.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  }
  const again = plannedViews(plan)(7);
  expect(again).toEqual(view(7));
  expect(again.chosen).not.toEqual(view(8).chosen);
  expect(plannedViews({ ...plan, seed: 6 })(7).key).not.toEqual(again.key);
});

test("all stored: in order. Pruned: drawn with replacement from what is stored, never a short batch", () => {
  expect(numbersOf("order", 18, 2)).toEqual([
    [0, 1, 2],
    [3, 4, 5],
  ]);
  const drawn = numbersOf("batches", 5, 200).flat();
  const counts = [0, 1, 2, 3, 4, 5].map((number) => drawn.filter((each) => each === number).length);
  // Of 600 draws a fifth each; batch 2 has two images and gives its share to batch 1.
  expect(counts[2]! + counts[5]!).toBe(0);
  expect(Math.abs(counts[1]! - 240)).toBeLessThan(60);
  for (const number of [0, 3, 4]) expect(Math.abs(counts[number]! - 120)).toBeLessThan(50);
  const epochs = numbersOf("epochs", 6, 40);
  expect(new Set(epochs.map(String))).toEqual(new Set(["0,1,2", "3,4,5"]));
});

test("a recipe of other views is refused", () => {
  const stored = { count: 18, draw: "order" } as const;
  expect(() => checkPlan(recipe, plan, stored)).not.toThrow();
  expect(() => checkPlan({ ...recipe, batchSize: 5 }, plan, stored)).toThrowErrorMatchingInlineSnapshot(
    `[ConfigError: training on labels of views: they were made with batchSize 4, the recipe has 5; train with that, or label the set again by this recipe]`,
  );
  const { mixing: _mixing, ...unmixed } = recipe;
  expect(() => checkPlan(unmixed, plan, stored)).toThrow(
    'they were made with mixing {"kind":"cutmix","alpha":1,"probability":1}, the recipe has none',
  );
  expect(() => checkPlan({ ...recipe, epochs: 7 }, plan, stored)).toThrowErrorMatchingInlineSnapshot(
    `[ConfigError: training on labels of views: they are of 6 epochs, the recipe has 7; train at most that many, or label the set again]`,
  );
  expect(() => checkPlan({ ...recipe, epochs: 7 }, plan, { count: 5, draw: "batches" })).not.toThrow();
});
