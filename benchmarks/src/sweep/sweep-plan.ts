import { resolve } from "node:path";
import { forecastRun, hashSyntheticSet, LimbeckError, readSet, type ImageDataset } from "@limbeck/core";
import { checkComparable } from "../accuracy/check-comparable.ts";
import { networkFor } from "../accuracy/evaluate-set.ts";
import { methodNamed, whiteningOf } from "../method-named.ts";
import { protocolHash } from "../protocol/protocol.ts";
import { protocolNamed } from "../protocol/protocols.ts";
import {
  cellId,
  type Cell,
  type CellDataset,
  type CellEngine,
  type DistillCell,
  type EvaluateCell,
} from "./cell.ts";
import type { Catalogue } from "./cell-runner.ts";
import { checkNames, completeConfig, knowsDataset } from "./check-sweep.ts";
import type { ReadSweep } from "./read-sweep-file.ts";
import { problemsError, type SweepPath, type SweepProblem } from "./sweep-problems.ts";
import { wantedRuns, type WantedEvaluation, type WantedRun, type WantedScore } from "./wanted-runs.ts";

/** Cells that belong together: a distillation and the evaluations of its set, or evaluations alone. */
export interface CellGroup {
  readonly distill: DistillCell | undefined;
  readonly evaluate: readonly EvaluateCell[];
}

/** A sweep that was checked whole: nothing in it can fail for a reason that its file shows. */
export interface SweepPlan {
  readonly name: string;
  /** No cell is in two groups. */
  readonly groups: readonly CellGroup[];
  /** Its data sets, by the name they are opened with; not whitened. */
  readonly datasets: ReadonlyMap<string, ImageDataset>;
}

/** All cells of a plan, each distillation before its evaluations. */
export function planCells({ groups }: Pick<SweepPlan, "groups">): Cell[] {
  return groups.flatMap(({ distill, evaluate }) => [
    ...(distill === undefined ? [] : [distill]),
    ...evaluate,
  ]);
}

/** Shard `index` (from 1) of `count`: every `count`-th group, so that shards need nothing of one another. */
export function shardOf(plan: SweepPlan, index: number, count: number): SweepPlan {
  return { ...plan, groups: plan.groups.filter((_, i) => i % count === index - 1) };
}

/**
 * Checks a sweep whole and spells it out as cells. Opens its data sets and runs nothing.
 *
 * @param engine The back end that all its cells are for.
 * @throws {ConfigError} with every error of the file at once, each with its line: first what is visible without the data sets
 *   (unknown keys, methods, presets, data sets, networks, protocols), then what the data sets show (too few images in a class, a
 *   network that does not take their images, a set of other classes).
 */
export async function planSweep(
  read: ReadSweep,
  catalogue: Catalogue & { readonly knowsDataset?: (nameOrPath: string) => boolean },
  engine: CellEngine,
): Promise<SweepPlan> {
  const wanted = wantedRuns(read.file);
  const refuse = (problems: readonly SweepProblem[]): void => {
    const error = problemsError(read.path, problems, read.locate);
    if (error !== undefined) throw error;
  };
  const checks = { methods: catalogue.methods, knowsDataset: catalogue.knowsDataset ?? knowsDataset };
  const empty: SweepProblem[] =
    wanted.runs.length + wanted.scores.length > 0
      ? []
      : [{ path: [], message: "wanted grid, runs or sets, found none; nothing to do" }];
  refuse([...read.problems, ...empty, ...checkNames(wanted, checks)]);

  const problems: SweepProblem[] = [];
  const datasets = new Map<string, ImageDataset>();
  for (const { value, path } of [...wanted.runs, ...wanted.scores].map(({ dataset }) => dataset)) {
    if (datasets.has(value)) continue;
    await attempt(problems, path, async () => void datasets.set(value, await catalogue.openDataset(value)));
  }
  const planner = createPlanner(engine, datasets, problems);
  for (const run of wanted.runs) await planner.addRun(run, catalogue);
  for (const score of wanted.scores) await planner.addScore(score, read.folder);
  refuse(problems);
  return { name: read.file.name ?? read.path, groups: planner.groups(), datasets };
}

/** What `task` throws on purpose becomes a problem. */
async function attempt(
  problems: SweepProblem[],
  path: SweepPath,
  task: () => Promise<void> | void,
): Promise<void> {
  try {
    await task();
  } catch (error) {
    if (!(error instanceof LimbeckError)) throw error;
    problems.push({ path, message: error.message });
  }
}

interface Planner {
  addRun(run: WantedRun, catalogue: Catalogue): Promise<void>;
  addScore(score: WantedScore, folder: string): Promise<void>;
  groups(): CellGroup[];
}

function createPlanner(
  engine: CellEngine,
  datasets: ReadonlyMap<string, ImageDataset>,
  problems: SweepProblem[],
): Planner {
  // Equal cells of several grids are one; groups by what they score.
  const groups = new Map<string, { distill: DistillCell | undefined; evaluate: Map<string, EvaluateCell> }>();
  const add = (key: string, distill: DistillCell | undefined, cells: readonly EvaluateCell[]): void => {
    const group = groups.get(key) ?? { distill, evaluate: new Map<string, EvaluateCell>() };
    groups.set(key, group);
    for (const cell of cells) group.evaluate.set(cellId(cell), cell);
  };
  const evaluateCells = async (
    evaluations: readonly WantedEvaluation[],
    set: EvaluateCell["set"],
    dataset: ImageDataset,
    data: CellDataset,
  ): Promise<EvaluateCell[]> => {
    const cells: EvaluateCell[] = [];
    for (const { network, protocol, seeds } of evaluations) {
      await attempt(problems, network.path, () => {
        networkFor(network.value, dataset);
        const { value: id } = protocol;
        cells.push({
          kind: "evaluate",
          set,
          dataset: data,
          network: network.value,
          protocol: { id, hash: protocolHash(protocolNamed(id)) },
          seeds: [...seeds],
          engine,
        });
      });
    }
    return cells;
  };
  const dataOf = (open: string, zca: CellDataset["zca"]): CellDataset => ({
    open,
    sha256: datasets.get(open)!.sha256,
    ...(zca === undefined ? {} : { zca }),
  });
  return {
    async addRun(run, catalogue) {
      const dataset = datasets.get(run.dataset.value);
      if (dataset === undefined) return;
      const method = methodNamed(run.method.value, catalogue.methods);
      const config = completeConfig(method, run);
      await attempt(problems, run.path, async () => {
        forecastRun(method, dataset, { config, seed: run.seed });
        const zca = whiteningOf({ zca: run.zca, method, preset: run.preset?.value });
        const data = dataOf(run.dataset.value, zca);
        const preset = run.preset === undefined ? {} : { preset: run.preset.value };
        const cell: DistillCell = {
          kind: "distill",
          method: method.id,
          config,
          ...preset,
          dataset: data,
          seed: run.seed,
          engine,
        };
        const id = cellId(cell);
        add(id, cell, await evaluateCells(run.evaluations, { kind: "cell", id }, dataset, data));
      });
    },
    async addScore({ path, file, dataset: name, evaluations }, folder) {
      const dataset = datasets.get(name.value);
      if (dataset === undefined) return;
      const data = dataOf(name.value, undefined);
      await attempt(problems, path, async () => {
        if (file === undefined) {
          add(
            `full ${data.sha256}`,
            undefined,
            await evaluateCells(evaluations, { kind: "full" }, dataset, data),
          );
          return;
        }
        const where = resolve(folder, file);
        const set = readSet(where);
        checkComparable(set, dataset);
        const hash = hashSyntheticSet(set);
        const cells = await evaluateCells(evaluations, { kind: "file", path: where, hash }, dataset, data);
        add(`set ${hash}`, undefined, cells);
      });
    },
    groups: () =>
      [...groups.values()].map(({ distill, evaluate }) => ({ distill, evaluate: [...evaluate.values()] })),
  };
}
