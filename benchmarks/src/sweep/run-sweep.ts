import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { InterruptedError, LimbeckError, lockRunFolder, storageError, writeFileBeside } from "@limbeck/core";
import pLimit from "p-limit";
import type { EvaluationRecord } from "../records/record.ts";
import { appendOnce } from "./append-once.ts";
import { cellId, cellTitle, type Cell } from "./cell.ts";
import type { CellProgress, CellRunner } from "./cell-runner.ts";
import { folderCellStore, type CellOutcome, type CellStore } from "./cell-store.ts";
import { planCells, type CellGroup, type SweepPlan } from "./sweep-plan.ts";

/** Where things are in the folder of a sweep. Several sweep files may use one folder, one after another. */
export interface SweepPaths {
  /** One folder a finished cell. */
  readonly store: string;
  /** One folder an unfinished cell. */
  readonly work: string;
  /** What distillations prepare and share. */
  readonly prepared: string;
  /** One file a failed cell. */
  readonly failed: string;
  readonly records: string;
}

/** @see SweepPaths */
export function sweepPaths(folder: string): SweepPaths {
  return {
    store: folder,
    work: join(folder, "work"),
    prepared: join(folder, "prepared"),
    failed: join(folder, "failed"),
    records: join(folder, "records.jsonl"),
  };
}

/** What a sweep tells while it works. */
export type SweepEvent =
  | { readonly kind: "plan"; readonly cells: number; readonly found: number }
  | { readonly kind: "begin"; readonly id: string; readonly title: string }
  | ({ readonly kind: "progress"; readonly id: string; readonly title: string } & CellProgress)
  | { readonly kind: "note"; readonly title: string; readonly text: string }
  | { readonly kind: "done"; readonly id: string; readonly title: string; readonly outcome: CellOutcome }
  /** `before`: in an earlier call, and not tried again. */
  | {
      readonly kind: "failed";
      readonly id: string;
      readonly title: string;
      readonly message: string;
      readonly before: boolean;
    };

export interface RunSweepOptions {
  /** Made if needed. Held by one process at a time. */
  readonly folder: string;
  /** Makes the runner of cells for the folder's store. */
  readonly runner: (places: { store: CellStore; work: string; prepared: string }) => CellRunner;
  /** Groups of cells at work at a time. Default 1. */
  readonly jobs?: number;
  /** Try cells again that failed in an earlier call. Default false. */
  readonly retryFailed?: boolean;
  /** A further file that the records are appended to, each cell once. */
  readonly records?: string;
  /** Aborting it ends the cells at work between two steps; the promise rejects with {@link InterruptedError}. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: SweepEvent) => void;
}

export interface SweepResult {
  /** Of every evaluation that is finished, in the order of the plan. */
  readonly records: readonly EvaluationRecord[];
  readonly failed: readonly { readonly cell: Cell; readonly title: string; readonly message: string }[];
}

/**
 * Runs what is not finished of a plan. Killed at any moment and called again it goes on; cells that fail are told and do not stop
 * the others. The records are appended at the end, in the order of the plan, each cell once.
 *
 * @throws {RunError} if another process works in the folder, or its store is of another version.
 * @throws {InterruptedError} if it was asked to stop.
 */
export async function runSweep(plan: SweepPlan, options: RunSweepOptions): Promise<SweepResult> {
  const { folder, jobs = 1, signal, onEvent } = options;
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw storageError(folder, error);
  }
  const release = await lockRunFolder(folder);
  try {
    const paths = sweepPaths(folder);
    const store = folderCellStore(paths.store);
    const cells = planCells(plan);
    const finished = await store.finished();
    onEvent?.({
      kind: "plan",
      cells: cells.length,
      found: cells.filter((cell) => finished.has(cellId(cell))).length,
    });
    const runner = options.runner({ store, work: paths.work, prepared: paths.prepared });
    const work: GroupWork = { ...options, store, runner, failedFolder: paths.failed };
    const limit = pLimit(jobs);
    const states = await Promise.all(
      plan.groups.map((group) => limit(() => (signal?.aborted === true ? [] : runGroup(group, work)))),
    );
    if (signal?.aborted === true) {
      throw new InterruptedError("sweep: interrupted; what is finished is kept, the same command goes on");
    }
    const ended = states.flat();
    const records = ended.flatMap(({ outcome }) => (outcome?.kind === "record" ? [outcome.record] : []));
    for (const path of [paths.records, ...(options.records === undefined ? [] : [options.records])]) {
      const { torn } = appendOnce(path, records);
      if (torn.length > 0) {
        const text = `line ${torn.join(", ")} was torn off by a crash and is left out`;
        onEvent?.({ kind: "note", title: path, text });
      }
    }
    return {
      records,
      failed: ended.flatMap(({ cell, title, message }) =>
        message === undefined ? [] : [{ cell, title, message }],
      ),
    };
  } finally {
    release();
  }
}

interface GroupWork extends Omit<RunSweepOptions, "runner"> {
  readonly store: CellStore;
  readonly runner: CellRunner;
  readonly failedFolder: string;
}

/** How a cell ended: with an outcome, or a message. */
interface Ended {
  readonly cell: Cell;
  readonly title: string;
  readonly outcome?: CellOutcome;
  readonly message?: string;
}

async function runGroup({ distill, evaluate }: CellGroup, work: GroupWork): Promise<Ended[]> {
  const ended: Ended[] = [];
  if (distill !== undefined) {
    const made = await runCell(distill, cellTitle(distill), work);
    ended.push(made);
    if (made.message !== undefined) {
      const message = "its distillation failed";
      return [...ended, ...evaluate.map((cell) => ({ cell, title: cellTitle(cell, distill), message }))];
    }
  }
  for (const cell of evaluate) {
    if (work.signal?.aborted === true) return ended;
    ended.push(await runCell(cell, cellTitle(cell, distill), work));
  }
  return ended;
}

async function runCell(cell: Cell, title: string, work: GroupWork): Promise<Ended> {
  const { store, runner, signal, onEvent, failedFolder, retryFailed = false } = work;
  const id = cellId(cell);
  const failure = join(failedFolder, `${id}.json`);
  const fail = (message: string, before: boolean): Ended => {
    onEvent?.({ kind: "failed", id, title, message, before });
    return { cell, title, message };
  };
  try {
    const known = await store.outcome(id);
    if (known !== undefined) return { cell, title, outcome: known };
    if (!retryFailed && existsSync(failure)) return fail(readFailure(failure), true);
    rmSync(failure, { force: true });
    onEvent?.({ kind: "begin", id, title });
    const outcome = await runner(cell, {
      ...(signal === undefined ? {} : { signal }),
      onProgress: (progress) => onEvent?.({ kind: "progress", id, title, ...progress }),
      onNote: (text) => onEvent?.({ kind: "note", title, text }),
    });
    onEvent?.({ kind: "done", id, title, outcome });
    return { cell, title, outcome };
  } catch (error) {
    if (error instanceof InterruptedError) return { cell, title };
    const message = describe(error);
    writeFileBeside(failure, `${JSON.stringify({ title, message }, null, 2)}\n`);
    return fail(message, false);
  }
}

/** Errors meant for users by their message, bugs by their stack. */
function describe(error: unknown): string {
  if (error instanceof LimbeckError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function readFailure(path: string): string {
  try {
    return (JSON.parse(readFileSync(path, "utf8")) as { message: string }).message;
  } catch {
    return "its failure could not be read";
  }
}
