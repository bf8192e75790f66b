import type { LoggedEvent } from "@limbeck/core";
import { expect, test } from "vitest";
import { matchedStarts, startEpochsPlot } from "./start-epochs.ts";

const step = (number: number, startEpoch: number, distance: number): LoggedEvent => ({
  time: "2026-11-22T08:00:00.000Z",
  kind: "step",
  step: number,
  steps: 6,
  loss: distance,
  terms: { distance, startEpoch },
  seconds: 1,
  bytes: 0,
});

test("mean distances of the first and the last third, by start epoch", () => {
  const events = [
    step(1, 4, 0.9),
    step(2, 0, 0.8),
    step(3, 0, 99),
    step(4, 4, 99),
    step(5, 0, 0.5),
    step(6, 0, 0.25),
  ];
  expect(matchedStarts(events, "events.jsonl")).toEqual([
    { startEpoch: 0, part: "first third", distance: 0.8, n: 1 },
    { startEpoch: 4, part: "first third", distance: 0.9, n: 1 },
    { startEpoch: 0, part: "last third", distance: 0.375, n: 2 },
  ]);
});

test("a run without start epochs is refused", () => {
  const { terms: _, ...rest } = step(1, 0, 1) as Extract<LoggedEvent, { kind: "step" }>;
  expect(() => matchedStarts([{ ...rest, terms: { mean: 1 } }], "runs/dm/events.jsonl")).toThrow(
    "runs/dm/events.jsonl: wanted steps with a startEpoch and a distance, got none; name the folder of a trajectory method's run",
  );
});

test("the picture has a panel for each run", async () => {
  const starts = matchedStarts([step(1, 0, 0.9), step(6, 1, 0.5)], "events.jsonl");
  const svg = await startEpochsPlot([
    { name: "small", starts },
    { name: "large", starts },
  ]);
  expect(svg).toMatch(/^<svg/);
  expect(svg).toContain("small");
  expect(svg).toContain("large");
});
