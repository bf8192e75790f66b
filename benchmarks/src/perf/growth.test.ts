import { expect, it } from "vitest";
import { useBackend } from "@limbeck/core";
import { growthPlot } from "./growth-plot.ts";
import { growthSeries, measureGrowth, recoverSeries } from "./growth.ts";
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

it("recovery: by the area of large images, and hardly by classes", () => {
  const [bySide, byClasses] = recoverSeries.map(({ values, workload }) =>
    values.map((value) => workload(value).multiplyAdds()),
  );
  expect(bySide![2]! / bySide![1]!).toBeCloseTo(4, 1);
  expect(bySide![3]! / bySide![2]!).toBeCloseTo((224 / 128) ** 2, 1);
  // 512 products more for each class of each image, three times.
  expect(byClasses![2]! - byClasses![0]!).toBe(3 * 10 * 512 * 990);
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
  expect(points[1]!.peakBytes).toBeGreaterThan(points[0]!.peakBytes!);
  const picture = await growthPlot(points);
  expect(picture).toMatch(/^<svg/);
  expect(picture).toContain("train-step by batch");
  expect(picture).not.toContain("NaN");
});
