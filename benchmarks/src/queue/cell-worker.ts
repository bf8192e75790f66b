import { rmSync } from "node:fs";
import { join } from "node:path";
import { type ConfigError, DataError, InterruptedError, LimbeckError } from "@limbeck/core";
import type { Job } from "bullmq";
import { cellId, type Cell } from "../sweep/cell.ts";
import {
  createCellRunner,
  type Catalogue,
  type CellProgress,
  type CellRunner,
} from "../sweep/cell-runner.ts";
import type { CellStore } from "../sweep/cell-store.ts";
import { adoptWork, removeWork } from "./adopt-work.ts";
import { cellJobSchema, checkServerVersion, checkVersion, QUEUE, queueVersion } from "./cell-job.ts";
import { connectRedis } from "./connect-redis.ts";
import { loadQueuePackages } from "./optional-packages.ts";

/** How often a cell may be given to another worker because the last one fell silent, before it counts as failed. */
const MOST_SILENCES = 3;
/** Milliseconds between two reports of progress. */
const PROGRESS_INTERVAL = 2000;

/** What a worker tells. */
export type WorkerEvent =
  | { readonly kind: "begin"; readonly title: string; readonly adopted: boolean }
  | ({ readonly kind: "progress"; readonly title: string } & CellProgress)
  | { readonly kind: "done"; readonly title: string }
  | { readonly kind: "failed"; readonly title: string; readonly message: string }
  | { readonly kind: "note"; readonly text: string };

export interface CellWorkerOptions {
  /** Address of Redis or Valkey. */
  readonly queue: string;
  /** Opens the store; called when the queue has let this worker in. */
  readonly store: () => CellStore | Promise<CellStore>;
  readonly catalogue: Catalogue;
  /** Unique among all workers, such as host and process. */
  readonly name: string;
  /** Folder for unfinished cells, one below it a worker. Where workers share it, one goes on from another's last checkpoint. */
  readonly work: string;
  /** Folder of what runs prepare and share. */
  readonly prepared: string;
  /** A worker that is silent for so long has lost its cell. Longer than the longest single step. Default 120. */
  readonly leaseSeconds?: number;
  /** End when no work is waiting, instead of waiting for more. */
  readonly untilEmpty?: boolean;
  /** Aborting it ends the cell at work between two steps, gives it back, and ends the worker. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: WorkerEvent) => void;
}

/**
 * Takes cells from the queue and runs them, one at a time, until it is told to stop.
 *
 * While a cell is at work its lease is renewed by a timer in this process; steps of a distillation let the timer run between
 * them. A worker that dies or freezes loses its lease, and another gets the cell. A frozen one that wakes stops the cell; should it
 * finish it first, the store takes one outcome of a cell and no second.
 *
 * @returns Numbers of cells that were finished and that failed here.
 * @throws {ConfigError} if the server refuses this program, its password, or its version.
 * @throws {RunError} if no server answers.
 */
export async function runCellWorker(options: CellWorkerOptions): Promise<{ done: number; failed: number }> {
  const { queue, catalogue, name, prepared, signal, onEvent, leaseSeconds = 120 } = options;
  const { Worker, WaitingError } = await loadQueuePackages();
  const version = queueVersion();
  const redis = await connectRedis(queue, (text) => onEvent?.({ kind: "note", text }));
  const work = join(options.work, name);
  const counts = { done: 0, failed: 0 };
  const stop = new AbortController();
  const atWork = new Map<string, AbortController>();
  let fault: ConfigError | undefined;
  let runner: CellRunner;

  const runCell = async (cell: Cell, title: string, job: Job, lost: AbortSignal): Promise<void> => {
    const id = cellId(cell);
    const adopted = adoptWork(options.work, work, id);
    onEvent?.({ kind: "begin", title, adopted });
    const report = throttled((progress: CellProgress) => {
      const loss = Number.isFinite(progress.loss) ? progress.loss : null;
      // Progress is for people: a server that is away for a moment does not stop the cell.
      job.updateProgress({ worker: name, ...progress, loss }).catch(() => undefined);
    });
    const run = () =>
      runner(cell, {
        signal: AbortSignal.any([stop.signal, lost]),
        onProgress(progress) {
          onEvent?.({ kind: "progress", title, ...progress });
          report(progress);
        },
        onNote: (text) => onEvent?.({ kind: "note", text: `${title}: ${text}` }),
      });
    try {
      await run();
    } catch (error) {
      // Copied while its owner was still writing: start anew.
      if (!adopted || !(error instanceof DataError)) throw error;
      rmSync(join(work, id), { recursive: true, force: true });
      await run();
    }
    removeWork(options.work, id);
  };

  const worker = new Worker(
    QUEUE,
    async (job, token) => {
      const giveBack = async (): Promise<never> => {
        await job.moveToWait(token);
        throw new WaitingError();
      };
      if (stop.signal.aborted) return giveBack();
      const { version: wanted, title, cell } = cellJobSchema.parse(job.data);
      try {
        checkVersion(version, wanted);
      } catch (error) {
        fault = error as ConfigError;
        stop.abort();
        return giveBack();
      }
      const lost = new AbortController();
      atWork.set(cellId(cell), lost);
      try {
        await runCell(cell, title, job, lost.signal);
        counts.done++;
        onEvent?.({ kind: "done", title });
      } catch (error) {
        if (error instanceof InterruptedError && stop.signal.aborted) return await giveBack();
        if (error instanceof InterruptedError) {
          onEvent?.({ kind: "note", text: `${title}: was silent for too long; another worker has it` });
          throw error;
        }
        counts.failed++;
        const message = describe(error);
        onEvent?.({ kind: "failed", title, message });
        throw new Error(message, { cause: error });
      } finally {
        atWork.delete(cellId(cell));
      }
    },
    {
      connection: redis,
      autorun: false,
      name,
      lockDuration: leaseSeconds * 1000,
      stalledInterval: leaseSeconds * 500,
      maxStalledCount: MOST_SILENCES,
      drainDelay: 1,
      runRetryDelay: 1000,
    },
  );
  // A lost server is told by its connection, a lost lease here.
  worker.on("error", () => undefined);
  worker.on("lockRenewalFailed", (ids) => {
    for (const id of ids) atWork.get(id)?.abort();
  });
  if (options.untilEmpty === true) worker.on("drained", () => stop.abort());
  const onAbort = (): void => stop.abort();
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted === true) stop.abort();
  try {
    await checkServerVersion(redis, version);
    runner = createCellRunner({ catalogue, store: await options.store(), work, prepared });
    const running = worker.run();
    await aborted(stop.signal);
    await worker.close();
    await running;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    await worker.close();
    redis.disconnect();
  }
  if (fault !== undefined) throw fault;
  return counts;
}

/** Errors meant for users by their message, bugs by their stack. */
function describe(error: unknown): string {
  if (error instanceof LimbeckError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Calls at once, then at most once an interval; what comes between is left out. */
function throttled<T>(call: (value: T) => void): (value: T) => void {
  let quiet = false;
  return (value) => {
    if (quiet) return;
    quiet = true;
    setTimeout(() => (quiet = false), PROGRESS_INTERVAL).unref();
    call(value);
  };
}
