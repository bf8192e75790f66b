import { expect, test } from "vitest";
import { curriculumSchema, smallestCrop } from "./crop-curriculum.ts";

const at = (given: object, parts: readonly number[]): number[] => {
  const curriculum = curriculumSchema.parse(given);
  return parts.map((part) => Math.round(1e6 * smallestCrop(curriculum, part * 4000, 4000)) / 1e6);
};
const QUARTERS = [0, 0.25, 0.5, 0.75, 1];

test("the published schedule is cosine over the whole run", () => {
  expect(at({}, [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1])).toEqual([
    1, 0.964985, 0.865269, 0.716034, 0.54, 0.363966, 0.214731, 0.115015, 0.08,
  ]);
});

test("linear, step and constant, and a milestone", () => {
  expect(at({ mode: "linear" }, QUARTERS)).toEqual([1, 0.77, 0.54, 0.31, 0.08]);
  expect(at({ mode: "cosine", milestone: 0.5 }, QUARTERS)).toEqual([1, 0.54, 0.08, 0.08, 0.08]);
  expect(at({ mode: "step", milestone: 0.4 }, [0, 0.39975, 0.4, 1])).toEqual([1, 1, 0.08, 0.08]);
  expect(at({ mode: "constant" }, QUARTERS)).toEqual([0.08, 0.08, 0.08, 0.08, 0.08]);
});

test("a milestone of 0, which would leave the curriculum out, and a range the wrong way round are refused", () => {
  expect(curriculumSchema.safeParse({ milestone: 0 }).error?.issues[0]?.message).toBe(
    "Too small: expected number to be >0",
  );
  expect(curriculumSchema.safeParse({ low: 0.5, high: 0.3 }).error?.issues[0]?.message).toBe(
    "low must not be above high",
  );
});
