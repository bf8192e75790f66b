import { basename, resolve } from "node:path";
import type { RunSummary } from "./run-folder.ts";

/** One measured number of a run, as tools for experiments take them. */
export interface RunMetric {
  /** Name of the run folder. */
  readonly run: string;
  readonly step: number;
  readonly split: "train" | "test";
  readonly metric: string;
  /** May be infinite or not a number. */
  readonly value: number;
  readonly seed: number;
  /** When, in seconds since 1970. */
  readonly wall: number;
  /** Seconds of steps until then; what was done before a resumption counts once. */
  readonly elapsed: number;
}

/** What each step of a run reported: `loss`, its terms as `loss/NAME` where there are several, `seconds` and `bytes`. */
export function runMetrics({ paths, config, events }: RunSummary): RunMetric[] {
  const run = basename(resolve(paths.folder));
  let elapsed = 0;
  return events.flatMap((event) => {
    if (event.kind !== "step") return [];
    elapsed += event.seconds;
    const { step, loss, terms, seconds, bytes, time } = event;
    const several = Object.keys(terms).length > 1;
    const values = {
      loss,
      ...(several
        ? Object.fromEntries(Object.entries(terms).map(([name, value]) => [`loss/${name}`, value]))
        : {}),
      seconds,
      bytes,
    };
    const common = {
      run,
      step,
      split: "train" as const,
      seed: config.seed,
      wall: Date.parse(time) / 1000,
      elapsed,
    };
    return Object.entries(values).map(([metric, value]) => ({ ...common, metric, value }));
  });
}

/** Metrics as JSON lines; JSON has no infinities, they are `null`. */
export function metricLines(metrics: readonly RunMetric[]): string {
  const line = (metric: RunMetric): string =>
    JSON.stringify({ ...metric, value: Number.isFinite(metric.value) ? metric.value : null });
  return metrics.map((metric) => `${line(metric)}\n`).join("");
}
