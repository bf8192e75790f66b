import { expect, test } from "vitest";
import { loopSchedule } from "./loop-schedule.ts";

test("the published loops, and others between and beyond them", () => {
  const loops = [1, 2, 5, 10, 20, 30, 40, 50, 100, 1000].map((ipc) => {
    const { outer, inner } = loopSchedule(ipc);
    return [ipc, outer, inner];
  });
  expect(loops).toEqual([
    [1, 1, 1],
    [2, 2, 250],
    [5, 5, 100],
    [10, 10, 50],
    [20, 20, 25],
    [30, 30, 20],
    [40, 40, 15],
    [50, 50, 10],
    [100, 50, 10],
    [1000, 50, 10],
  ]);
});
