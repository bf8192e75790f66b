import { DataError, type LoggedEvent } from "@limbeck/core";
import { vegaSvg } from "./vega-svg.ts";

/** How well a run matched from one start epoch, in one part of its steps. */
export interface MatchedStart {
  /** Epoch of the experts that segments started from. */
  readonly startEpoch: number;
  /** Part of the run: `first` or `last` third of its steps. */
  readonly part: "first third" | "last third";
  /** Mean distance to the expert after the segment; 1: no nearer than a student that stands still. */
  readonly distance: number;
  /** Steps that the mean is over. */
  readonly n: number;
}

/**
 * Where in the experts' training a run matches: the mean distance of its segments by start epoch, at the beginning and at the end of
 * the run.
 *
 * @param events Of a run of a trajectory method.
 * @throws {DataError} if the events have no start epochs.
 */
export function matchedStarts(events: readonly LoggedEvent[], where: string): MatchedStart[] {
  const steps = events.flatMap((event) => {
    if (event.kind !== "step") return [];
    const { startEpoch, distance } = event.terms;
    return startEpoch === undefined || distance === undefined
      ? []
      : [{ step: event.step, startEpoch, distance }];
  });
  if (steps.length === 0) {
    throw new DataError(
      `${where}: wanted steps with a startEpoch and a distance, got none; name the folder of a trajectory method's run`,
    );
  }
  const third = steps.at(-1)!.step / 3;
  return [
    ...meansByStart(
      "first third",
      steps.filter(({ step }) => step <= third),
    ),
    ...meansByStart(
      "last third",
      steps.filter(({ step }) => step > 2 * third),
    ),
  ];
}

function meansByStart(
  part: MatchedStart["part"],
  steps: readonly { readonly startEpoch: number; readonly distance: number }[],
): MatchedStart[] {
  const starts = [...new Set(steps.map(({ startEpoch }) => startEpoch))].sort((a, b) => a - b);
  return starts.map((startEpoch) => {
    const distances = steps.filter((step) => step.startEpoch === startEpoch).map(({ distance }) => distance);
    const sum = distances.reduce((total, distance) => total + distance, 0);
    return { startEpoch, part, distance: sum / distances.length, n: distances.length };
  });
}

/** One panel a run: distance over start epoch, a line for the first and the last third of the steps. */
export async function startEpochsPlot(
  runs: readonly { readonly name: string; readonly starts: readonly MatchedStart[] }[],
): Promise<string> {
  return vegaSvg({
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    data: { values: runs.flatMap(({ name, starts }) => starts.map((start) => ({ ...start, run: name }))) },
    facet: { field: "run", type: "nominal", title: null },
    columns: 3,
    spec: {
      width: 260,
      height: 200,
      layer: [
        {
          mark: { type: "rule", strokeDash: [4, 4], color: "#999" },
          encoding: { y: { datum: 1, type: "quantitative" } },
        },
        {
          mark: { type: "line", point: true },
          encoding: {
            x: {
              field: "startEpoch",
              type: "quantitative",
              title: "start epoch",
              axis: { format: "d", tickMinStep: 1 },
            },
            y: {
              field: "distance",
              type: "quantitative",
              title: "distance to the expert (1: standing still)",
            },
            color: { field: "part", type: "nominal", title: "steps" },
          },
        },
      ],
    },
  });
}
