import { expect, it } from "vitest";
import { useBackend } from "@limbeck/core";
import { growthPlot } from "./growth-plot.ts";
import { growthSeries, measureGrowth } from "./growth.ts";
import { trainStepOf } from "./train-step.ts";

it("work grows as it must: with the batch, the square of the side, the number of steps", () => {
  const work = (size: string): number[] => {
    const series = growthSeries.find((each) => each.size === size)!;
    return series.values.map((value) => series.workload(value).multiplyAdds() / value);
  };
  for (const size of ["batch", "steps"]) {
    const [first, ...others] = work(size);
    for (const each of others) expect(each / first!).toBeCloseTo(1, 9);
  }
  const bySide = work("side");
  expect(bySide[1]! / bySide[0]!).toBeGreaterThan(1.9);
  expect(bySide[1]! / bySide[0]!).toBeLessThan(2.1);
});

it("times a series and draws it", async () => {
  await useBackend("cpu");
  const told: number[] = [];
  const points = await measureGrowth(1, (point) => told.push(point.value), [
    {
      size: "batch",
      values: [1, 2],
      workload: (batch) => trainStepOf({ batch, network: "convnet1-w4", side: 8 }),
    },
  ]);
  expect(told).toEqual([1, 2]);
  expect(points[1]!.multiplyAdds).toBe(2 * points[0]!.multiplyAdds);
  for (const point of points) expect(point.seconds).toBeGreaterThan(0);
  const picture = await growthPlot(points);
  expect(picture).toMatch(/^<svg/);
  expect(picture).toContain("train-step by batch");
  expect(picture).not.toContain("NaN");
});
