import { readRun, type LoggedEvent, type RunConfig, DataError } from "@limbeck/core";
import { shownPath } from "./find-sources.ts";
import type { Curve, ReportRun } from "./model.ts";
import { distillCommand } from "./repeat-command.ts";
import { shownText } from "./shown-text.ts";

/** Points of a curve that the page carries. */
const CURVE_POINTS = 300;
/** Terms of a loss that the page carries. */
const MOST_TERMS = 6;

type StepEvent = Extract<LoggedEvent, { kind: "step" }>;

/**
 * A run folder, finished or not.
 *
 * @param place Gives a configuration its position.
 * @throws {DataError} if it is no run folder, or of a newer version.
 */
export function readReportRun(folder: string, place: (config: unknown) => number): ReportRun {
  const { config, events, finished } = readRun(folder);
  const steps = events.filter((event): event is StepEvent => event.kind === "step");
  const last = events.at(-1);
  return {
    path: shownText(shownPath(folder)),
    ...described(config),
    state: finished ? "finished" : last?.kind === "interrupted" ? "interrupted" : "unfinished",
    step: finished ? config.steps : (steps.at(-1)?.step ?? 0),
    steps: config.steps,
    seconds: steps.reduce((sum, { seconds }) => sum + number(seconds), 0),
    peakBytes: steps.reduce((most, { bytes }) => Math.max(most, number(bytes)), 0),
    ...(last === undefined ? {} : { last: shownText(last.time) }),
    curves: curvesOf(steps),
    config: place(config.config),
    command: shownText(
      distillCommand({
        dataset: config.dataset.name,
        method: config.method,
        zca: config.dataset.normalisation?.startsWith("zca") === true,
        seed: config.seed,
        config: config.config,
      }),
      4000,
    ),
  };
}

function described(config: RunConfig) {
  const { ipc } = config.config as { ipc?: unknown };
  return {
    method: shownText(config.method),
    dataset: shownText(config.dataset.name),
    ...(typeof ipc === "number" ? { ipc } : {}),
    seed: config.seed,
    backend: shownText(config.backend),
    precision: shownText(config.precision),
    threads: config.threads,
    machine: shownText(config.machine),
    commit: shownText(config.commit),
  };
}

function curvesOf(steps: readonly StepEvent[]): Curve[] {
  if (steps.length === 0) return [];
  const terms = [...new Set(steps.flatMap(({ terms }) => Object.keys(terms ?? {})))].slice(0, MOST_TERMS);
  const loss = thinned("loss", steps, ({ loss }) => loss);
  return [loss, ...terms.map((term) => thinned(shownText(term, 40), steps, ({ terms }) => terms?.[term]))];
}

/** Means of equally many neighbours. */
function thinned(name: string, events: readonly StepEvent[], of: (event: StepEvent) => unknown): Curve {
  const points = events.flatMap((event) => {
    const value = of(event);
    return typeof value === "number" && Number.isFinite(value) ? [{ step: event.step, value }] : [];
  });
  const size = Math.max(1, Math.ceil(points.length / CURVE_POINTS));
  const steps: number[] = [];
  const values: number[] = [];
  for (let first = 0; first < points.length; first += size) {
    const part = points.slice(first, first + size);
    steps.push(part.at(-1)!.step);
    values.push(Number((part.reduce((sum, { value }) => sum + value, 0) / part.length).toPrecision(5)));
  }
  return { name, steps, values };
}

function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

/** The message of what went wrong, for people. */
export function messageOf(error: unknown): string {
  return error instanceof DataError || error instanceof Error ? error.message : String(error);
}
