import { setTimeout as pause } from "node:timers/promises";
import { InterruptedError, RunError } from "@limbeck/core";
import type { Queue } from "bullmq";
import pLimit from "p-limit";
import { appendOnce } from "../sweep/append-once.ts";
import type { CellOutcome, CellStore } from "../sweep/cell-store.ts";
import type { SweepEvent, SweepResult } from "../sweep/run-sweep.ts";
import type { SweepPlan } from "../sweep/sweep-plan.ts";
import {
  claimVersion,
  jobProgressSchema,
  QUEUE,
  queueVersion,
  releaseVersion,
  type CellJob,
} from "./cell-job.ts";
import { connectRedis } from "./connect-redis.ts";
import { loadQueuePackages } from "./optional-packages.ts";
import { WantedCells, type WantedCell } from "./wanted-cells.ts";

/** Outcomes looked up at a time. */
const LOOKED_UP = 16;
/** Jobs sent at a time. */
const BULK = 500;
/** How often a cell is tried that fails by an error, on any worker. */
const ATTEMPTS = 3;
/** Milliseconds that a shared folder may take to show on one machine what another wrote. */
const SEEN_WITHIN = 15_000;

export interface QueueSweepOptions {
  /** Address of Redis or Valkey. */
  readonly queue: string;
  /** Opens the store that the workers write too; called when the queue has let this program in. */
  readonly store: () => CellStore | Promise<CellStore>;
  /** Files that the records are appended to, each cell once. */
  readonly records: readonly string[];
  /** Between two looks at store and queue beside what the queue tells: what a restarted server forgot is added again. Default 5. */
  readonly lookSeconds?: number;
  /** Try cells again that failed before. Default false. */
  readonly retryFailed?: boolean;
  /** Aborting it ends the watch; workers go on. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: SweepEvent) => void;
}

/**
 * Gives the unfinished cells of a plan to the workers of a queue, and watches until all are finished or failed. A cell is queued when
 * what it needs is in the store. What counts is the store: this can be stopped and called again at any time, and queue and server may
 * forget everything; cells are known by their content, so none is lost or counted twice.
 *
 * @throws {ConfigError} if the server refuses this program, its password, or its version.
 * @throws {RunError} if no server answers, or a worker writes to another store.
 * @throws {InterruptedError} if it was asked to stop; the workers go on.
 */
export async function queueSweep(plan: SweepPlan, options: QueueSweepOptions): Promise<SweepResult> {
  const { signal, onEvent, retryFailed = false, lookSeconds = 5 } = options;
  const { Queue: Jobs, QueueEvents } = await loadQueuePackages();
  const version = queueVersion();
  const redis = await connectRedis(options.queue, (text) =>
    onEvent?.({ kind: "note", title: "queue", text }),
  );
  const queue = new Jobs<CellJob>(QUEUE, { connection: redis });
  const events = new QueueEvents(QUEUE, { connection: redis, autorun: false });
  // A lost server is told by its connection.
  queue.on("error", () => undefined);
  events.on("error", () => undefined);
  const wake = new Waker();
  const looks = setInterval(() => wake.now("look"), 1000 * lookSeconds);
  const wanted = new WantedCells(plan);
  let store: CellStore;
  const finish = async (id: string): Promise<void> => {
    const one = wanted.get(id);
    if (one === undefined || one.state === "done") return;
    const outcome = await seenOutcome(store, id, one.title);
    wanted.done(id, outcome);
    onEvent?.({ kind: "done", id, title: one.title, outcome });
  };
  const fail = (id: string, reason: string, before: boolean): void => {
    const one = wanted.get(id);
    if (one === undefined || one.state === "done" || one.state === "failed") return;
    const message = explain(reason);
    wanted.failed(id, message);
    onEvent?.({ kind: "failed", id, title: one.title, message, before });
  };
  try {
    await claimVersion(redis, version);
    store = await options.store();
    const limit = pLimit(LOOKED_UP);
    const found = [...(await store.finished())].filter((id) => wanted.get(id) !== undefined);
    await limit.map(found, async (id) => {
      const outcome = await store.outcome(id);
      if (outcome !== undefined) wanted.done(id, outcome);
    });
    onEvent?.({ kind: "plan", cells: wanted.size, found: wanted.size - wanted.open });
    for (const job of await queue.getFailed()) {
      const id = job.id ?? "";
      if ((wanted.get(id)?.state ?? "done") === "done") continue;
      if (retryFailed) await job.remove();
      else fail(id, job.failedReason, true);
    }

    const told: { id: string; kind: "completed" | "failed"; message: string }[] = [];
    const tell = (id: string, kind: "completed" | "failed", message: string): void => {
      told.push({ id, kind, message });
      wake.now("told");
    };
    events.on("completed", ({ jobId }) => tell(jobId, "completed", ""));
    events.on("failed", ({ jobId, failedReason }) => tell(jobId, "failed", failedReason));
    events.on("active", ({ jobId }) => {
      const one = wanted.get(jobId);
      if (one === undefined || one.begun === true) return;
      one.begun = true;
      onEvent?.({ kind: "begin", id: jobId, title: one.title });
    });
    events.on("stalled", ({ jobId }) => {
      const title = wanted.get(jobId)?.title;
      if (title !== undefined)
        onEvent?.({ kind: "note", title, text: "its worker fell silent; another takes it" });
    });
    events.on("progress", ({ jobId, data }) => {
      const one = wanted.get(jobId);
      const progress = jobProgressSchema.safeParse(data);
      if (one === undefined || !progress.success) return;
      const { done, total, loss } = progress.data;
      onEvent?.({ kind: "progress", id: jobId, title: one.title, done, total, loss: loss ?? NaN });
    });
    const listening = events.run();
    signal?.addEventListener("abort", () => wake.now("told"), { once: true });
    await addJobs(queue, wanted.takeReady(), version);
    while (wanted.open > 0) {
      if (signal?.aborted === true) {
        throw new InterruptedError(
          "sweep: no longer watched; the workers go on, and the same command watches again",
        );
      }
      const reasons = await wake.next();
      for (const { id, kind, message } of told.splice(0)) {
        if (kind === "completed") await finish(id);
        else fail(id, message, false);
      }
      if (reasons.has("look")) await look(queue, store, wanted, finish, fail);
      await addJobs(queue, wanted.takeReady(), version);
    }
    await events.close();
    await listening;
    const counts = await queue.getJobCounts("wait", "active", "delayed");
    if (Object.values(counts).every((count) => count === 0)) await releaseVersion(redis);
    return collect(wanted, options);
  } finally {
    clearInterval(looks);
    await events.close();
    await queue.close();
    redis.disconnect();
  }
}

async function addJobs(queue: Queue<CellJob>, cells: readonly WantedCell[], version: string): Promise<void> {
  for (let first = 0; first < cells.length; first += BULK) {
    await queue.addBulk(
      cells.slice(first, first + BULK).map(({ id, cell, title }) => ({
        name: cell.kind,
        data: { version, title, cell },
        opts: {
          jobId: id,
          attempts: ATTEMPTS,
          backoff: { type: "exponential", delay: 500 },
          removeOnComplete: true,
          stackTraceLimit: 1,
        },
      })),
    );
  }
}

/** Finds out what was not told: by the store what is finished, by the queue what failed, and what it no longer knows. */
async function look(
  queue: Queue<CellJob>,
  store: CellStore,
  wanted: WantedCells,
  finish: (id: string) => Promise<void>,
  fail: (id: string, message: string, before: boolean) => void,
): Promise<void> {
  for (const id of await store.finished()) await finish(id);
  for (const job of await queue.getFailed()) fail(job.id ?? "", job.failedReason, false);
  const counts = await queue.getJobCounts("wait", "active", "delayed", "prioritized");
  const known = Object.values(counts).reduce((sum, count) => sum + count, 0);
  // Adding a job that is there changes nothing.
  if (known < wanted.queued()) wanted.queueAgain();
}

/** @throws {RunError} if a worker finished the cell and its outcome does not appear here. */
async function seenOutcome(store: CellStore, id: string, title: string): Promise<CellOutcome> {
  for (let waited = 0; ; waited += 500) {
    const outcome = await store.outcome(id);
    if (outcome !== undefined) return outcome;
    if (waited >= SEEN_WITHIN) break;
    await pause(500);
  }
  throw new RunError(
    `${title}: a worker finished it, but the store has no outcome; the workers must use the same --store`,
  );
}

function explain(reason: string): string {
  return reason.includes("stalled more than") ? "its workers died or froze each time it was tried" : reason;
}

/** The records in the order of the plan, appended; and what failed. */
function collect(wanted: WantedCells, { records: files, onEvent }: QueueSweepOptions): SweepResult {
  const cells = [...wanted.values()];
  const records = cells.flatMap(({ outcome }) => (outcome?.kind === "record" ? [outcome.record] : []));
  for (const path of files) {
    const { torn } = appendOnce(path, records);
    if (torn.length > 0) {
      const text = `line ${torn.join(", ")} was torn off by a crash and is left out`;
      onEvent?.({ kind: "note", title: path, text });
    }
  }
  const failed = cells.flatMap(({ cell, title, message }) =>
    message === undefined ? [] : [{ cell, title, message }],
  );
  return { records, failed };
}

type Reason = "told" | "look";

/** Waits for reasons to go on; those that come in between are kept. */
class Waker {
  #reasons = new Set<Reason>();
  #wake: (() => void) | undefined;

  now(reason: Reason): void {
    this.#reasons.add(reason);
    this.#wake?.();
  }

  async next(): Promise<ReadonlySet<Reason>> {
    if (this.#reasons.size === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    const reasons = this.#reasons;
    this.#reasons = new Set();
    return reasons;
  }
}
