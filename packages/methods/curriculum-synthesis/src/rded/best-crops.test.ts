import { expect, test } from "vitest";
import { bestOfImages, crossEntropies, lowest } from "./best-crops.ts";

test("the best crop of every image, then the lowest of all, the first of equals", () => {
  const best = bestOfImages([3, 1, 1, 5, 9, 4, 0.5, 2, 2], 3);
  expect(best).toEqual([
    { index: 1, loss: 1 },
    { index: 5, loss: 4 },
    { index: 6, loss: 0.5 },
  ]);
  expect(lowest([...best, { index: 9, loss: 1 }], 3).map(({ index }) => index)).toEqual([6, 1, 9]);
});

test("losses of crops that a teacher is sure of can still be told apart", () => {
  const [a, b, c] = crossEntropies([40, 0, 41, 0, 0, Math.log(3)], 0, 2);
  expect(a).toBeGreaterThan(b!);
  expect(a! / Math.exp(-40)).toBeCloseTo(1, 10);
  expect(c).toBeCloseTo(Math.log(4), 12);
});
