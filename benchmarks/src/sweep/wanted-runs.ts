import type { Whitening } from "@limbeck/core";
import type { RawConfig } from "../command-line/config-overrides.ts";
import type { SweepEvaluate, SweepFile, SweepGrid, SweepRun } from "./sweep-file.ts";
import type { SweepPath } from "./sweep-problems.ts";

/** A value and where the file says it. */
export interface Said<Value> {
  readonly value: Value;
  readonly path: SweepPath;
}

/** One way to score a set. */
export interface WantedEvaluation {
  readonly network: Said<string>;
  readonly protocol: Said<string>;
  readonly seeds: readonly number[];
}

/** One distillation and how its set is scored. */
export interface WantedRun {
  readonly path: SweepPath;
  readonly method: Said<string>;
  readonly preset: Said<string> | undefined;
  /** Layers over the preset, later ones winning. */
  readonly configs: readonly Said<RawConfig>[];
  readonly zca: Whitening | boolean | undefined;
  readonly dataset: Said<string>;
  readonly ipc: number | undefined;
  readonly seed: number;
  readonly evaluations: readonly WantedEvaluation[];
}

/** Evaluations of what needs no distillation: a finished set, or without `file` the whole training split. */
export interface WantedScore {
  readonly path: SweepPath;
  readonly file: string | undefined;
  readonly dataset: Said<string>;
  readonly evaluations: readonly WantedEvaluation[];
}

/** What a sweep file asks for, spelt out, in the order of the file. */
export interface Wanted {
  readonly runs: readonly WantedRun[];
  readonly scores: readonly WantedScore[];
}

const DEFAULT_NETWORKS = ["convnet3"];
const DEFAULT_PROTOCOLS = ["dsa-v1"];
const DEFAULT_SEEDS = [0, 1, 2];

/** Grids multiplied out. */
export function wantedRuns(file: SweepFile): Wanted {
  const shared: Said<SweepEvaluate | undefined> = { value: file.evaluate, path: ["evaluate"] };
  const grids = (file.grid ?? []).map((grid, i) => ({ grid, path: ["grid", i] }));
  const runs = (file.runs ?? []).map((run, i) => singleRun(run, ["runs", i], shared));
  const sets = (file.sets ?? []).map((set, i): WantedScore => {
    const path = ["sets", i];
    return {
      path,
      file: set.file,
      dataset: { value: set.dataset, path: [...path, "dataset"] },
      evaluations: evaluations({ value: set.evaluate, path: [...path, "evaluate"] }, shared),
    };
  });
  return {
    runs: [...grids.flatMap(({ grid, path }) => gridRuns(grid, path, shared)), ...runs],
    scores: [...grids.flatMap(({ grid, path }) => fullScores(grid, path)), ...sets],
  };
}

function gridRuns(grid: SweepGrid, path: SweepPath, shared: Said<SweepEvaluate | undefined>): WantedRun[] {
  const scored = evaluations({ value: grid.evaluate, path: [...path, "evaluate"] }, shared);
  const gridConfig = grid.config === undefined ? [] : [{ value: grid.config, path: [...path, "config"] }];
  return grid.datasets.flatMap((dataset, d) =>
    grid.ipc.flatMap((ipc) =>
      grid.methods.flatMap((entry, m) => {
        const own = [...path, "methods", m];
        return grid.seeds.map((seed): WantedRun => ({
          path: own,
          method: { value: entry.method, path: [...own, "method"] },
          preset: entry.preset === undefined ? undefined : { value: entry.preset, path: [...own, "preset"] },
          configs: [
            ...gridConfig,
            ...(entry.config === undefined ? [] : [{ value: entry.config, path: [...own, "config"] }]),
          ],
          zca: entry.zca,
          dataset: { value: dataset, path: [...path, "datasets", d] },
          ipc,
          seed,
          evaluations: scored,
        }));
      }),
    ),
  );
}

function singleRun(run: SweepRun, path: SweepPath, shared: Said<SweepEvaluate | undefined>): WantedRun {
  return {
    path,
    method: { value: run.method, path: [...path, "method"] },
    preset: run.preset === undefined ? undefined : { value: run.preset, path: [...path, "preset"] },
    configs: run.config === undefined ? [] : [{ value: run.config, path: [...path, "config"] }],
    zca: run.zca,
    dataset: { value: run.dataset, path: [...path, "dataset"] },
    ipc: run.ipc,
    seed: run.seed,
    evaluations: evaluations({ value: run.evaluate, path: [...path, "evaluate"] }, shared),
  };
}

function fullScores(grid: SweepGrid, path: SweepPath): WantedScore[] {
  const { full } = grid;
  if (full === undefined) return [];
  const scored = evaluations({ value: full, path: [...path, "full"] }, { value: undefined, path });
  return grid.datasets.map((dataset, d) => ({
    path: [...path, "full"],
    file: undefined,
    dataset: { value: dataset, path: [...path, "datasets", d] },
    evaluations: scored,
  }));
}

/** Every network under every protocol; what `own` leaves out, `shared` says. */
function evaluations(
  own: Said<SweepEvaluate | undefined>,
  shared: Said<SweepEvaluate | undefined>,
): WantedEvaluation[] {
  const said = (key: "networks" | "protocols", fallback: readonly string[]): Said<string>[] => {
    const from = own.value?.[key] === undefined ? shared : own;
    return (from.value?.[key] ?? fallback).map((value, i) => ({ value, path: [...from.path, key, i] }));
  };
  const seeds = own.value?.seeds ?? shared.value?.seeds ?? DEFAULT_SEEDS;
  const protocols = said("protocols", DEFAULT_PROTOCOLS);
  return said("networks", DEFAULT_NETWORKS).flatMap((network) =>
    protocols.map((protocol) => ({ network, protocol, seeds })),
  );
}
