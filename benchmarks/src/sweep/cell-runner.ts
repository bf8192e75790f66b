import { join } from "node:path";
import {
  ConfigError,
  distill,
  folderPartStore,
  hashSyntheticSet,
  readSet,
  RunError,
  useBackend,
  whitenedDataset,
  type DistillationMethod,
  type ImageDataset,
  type SyntheticSet,
} from "@limbeck/core";
import { evaluateCached, evaluateFullCached } from "../accuracy/evaluate-cached.ts";
import type { EvaluationOptions } from "../accuracy/evaluate-set.ts";
import { methodNamed } from "../method-named.ts";
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
import type { CellOutcome, CellStore } from "./cell-store.ts";

/** What cells name and a process has. */
export interface Catalogue {
  readonly methods: readonly DistillationMethod[];
  openDataset(nameOrPath: string): Promise<ImageDataset>;
}

export interface CellRunnerOptions {
  readonly catalogue: Catalogue;
  readonly store: CellStore;
  /** Folder on this machine for unfinished cells, one each: a cell that was stopped anywhere goes on from what lies there. */
  readonly work: string;
  /** Folder of what runs prepare and share: experts, teachers, networks. */
  readonly prepared: string;
}

/** Where a cell stands: steps of a distillation, epochs of an evaluation. */
export interface CellProgress {
  readonly done: number;
  readonly total: number;
  readonly loss: number;
}

export interface CellHooks {
  /** Aborting it stops between two steps and keeps what is done; the promise rejects with `InterruptedError`. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CellProgress) => void;
  /** Told of what takes long before the first step. */
  readonly onNote?: (text: string) => void;
}

/** Runs one cell to its end and puts its outcome into the store; a finished cell is only read. */
export type CellRunner = (cell: Cell, hooks?: CellHooks) => Promise<CellOutcome>;

/**
 * Runs cells in this process, one at a time, starting the back end that each asks for. Data sets stay open between cells.
 *
 * The promise of a cell rejects with {@link ConfigError} where this process does not have what the cell names, with
 * {@link RunError} where the cell could not be finished; nothing of it is in the store then.
 */
export function createCellRunner({ catalogue, store, work, prepared }: CellRunnerOptions): CellRunner {
  const open = datasetPool(catalogue);
  return async (cell, hooks = {}) => {
    const id = cellId(cell);
    const known = await store.outcome(id);
    if (known !== undefined) return known;
    await startEngine(cell.engine);
    const folder = join(work, id);
    const outcome =
      cell.kind === "distill"
        ? await runDistillCell(cell, await open(cell.dataset), { folder, prepared, catalogue }, hooks)
        : await runEvaluateCell(cell, open, { folder, store, prepared }, hooks);
    await store.finish(cell, outcome, folder);
    return outcome;
  };
}

/** @throws {RunError} if this machine gives another back end than the one the cell is for. */
async function startEngine(wanted: CellEngine): Promise<void> {
  const { backend, precision, threads, samplesAtOnce } = wanted;
  const info = await useBackend(backend, {
    precision,
    threads,
    ...(samplesAtOnce === undefined ? {} : { samplesAtOnce }),
  });
  if (info.samplesAtOnce !== samplesAtOnce) {
    throw new RunError(
      `cell: wanted batches split by ${samplesAtOnce ?? "nothing"}, LIMBECK_SAMPLES_AT_ONCE is ${info.samplesAtOnce} here; unset it`,
    );
  }
  if (info.threads === threads) return;
  throw new RunError(
    `cell: wanted ${backend} with ${threads} threads, this machine gives ${info.threads}; run it where the sweep was planned for`,
  );
}

/** Opens every data set once; whitened ones are kept too. */
function datasetPool(catalogue: Catalogue): (dataset: CellDataset) => Promise<ImageDataset> {
  const pool = new Map<string, Promise<ImageDataset>>();
  return ({ open, sha256, zca }) => {
    const key = JSON.stringify([open, sha256, zca ?? null]);
    const opened = pool.get(key) ?? openChecked(catalogue, { open, sha256, zca });
    pool.set(key, opened);
    // Whatever failed may be tried again.
    opened.catch(() => pool.delete(key));
    return opened;
  };
}

async function openChecked(catalogue: Catalogue, { open, sha256, zca }: CellDataset): Promise<ImageDataset> {
  const dataset = await catalogue.openDataset(open);
  if (dataset.sha256 !== sha256) {
    throw new ConfigError(
      `${open}: wanted the data of SHA-256 ${sha256.slice(0, 12)}…, got ${dataset.sha256.slice(0, 12)}…; ` +
        "the files differ from those the sweep was planned with",
    );
  }
  return zca === undefined ? dataset : whitenedDataset(dataset, zca);
}

async function runDistillCell(
  cell: DistillCell,
  dataset: ImageDataset,
  { folder, prepared, catalogue }: { folder: string; prepared: string; catalogue: Catalogue },
  { signal, onProgress, onNote }: CellHooks,
): Promise<CellOutcome> {
  const method = methodNamed(cell.method, catalogue.methods);
  const run = distill(method, dataset, {
    config: cell.config,
    seed: cell.seed,
    directory: folder,
    cache: prepared,
    resume: true,
    ...(signal === undefined ? {} : { signal }),
  });
  let seconds = 0;
  for await (const event of run) {
    if (event.kind === "prepare" && event.state === "making") {
      onNote?.(`making ${event.name}, part ${event.part} of ${event.parts}; kept for other cells`);
    }
    if (event.kind === "step") onProgress?.({ done: event.step, total: event.steps, loss: event.loss });
    if (event.kind === "done") seconds = event.seconds;
  }
  return { kind: "set", hash: hashSyntheticSet(await run.result), seconds };
}

async function runEvaluateCell(
  cell: EvaluateCell,
  open: (dataset: CellDataset) => Promise<ImageDataset>,
  { folder, store, prepared }: { folder: string; store: CellStore; prepared: string },
  { signal, onProgress }: CellHooks,
): Promise<CellOutcome> {
  const protocol = protocolNamed(cell.protocol.id);
  if (protocolHash(protocol) !== cell.protocol.hash) {
    throw new ConfigError(
      `cell: protocol ${cell.protocol.id} has other values here than where the sweep was planned; use the same version`,
    );
  }
  const options: EvaluationOptions = {
    protocol,
    network: cell.network,
    seeds: cell.seeds,
    parts: folderPartStore(prepared),
    ...(signal === undefined ? {} : { signal }),
    onProgress: ({ epoch, epochs, loss }) => onProgress?.({ done: epoch, total: epochs, loss }),
  };
  const id = cellId(cell);
  if (cell.set.kind === "full") {
    const { record } = await evaluateFullCached(await open(cell.dataset), folder, options);
    return { kind: "record", record: { ...record, cell: id } };
  }
  const { set, seconds } = await setOfCell(cell.set, store);
  // A whitened set brings its own transform along.
  const dataset = await open({ open: cell.dataset.open, sha256: cell.dataset.sha256 });
  const { record } = await evaluateCached(set, dataset, folder, seconds, options);
  return { kind: "record", record: { ...record, cell: id } };
}

async function setOfCell(
  source: Exclude<EvaluateCell["set"], { kind: "full" }>,
  store: CellStore,
): Promise<{ readonly set: SyntheticSet; readonly seconds: number }> {
  if (source.kind === "cell") {
    const outcome = await store.outcome(source.id);
    if (outcome?.kind !== "set") {
      throw new RunError(`cell: the set of ${source.id} is not in the store; run its distillation first`);
    }
    return { set: await store.set(source.id), seconds: outcome.seconds };
  }
  const set = readSet(source.path);
  if (hashSyntheticSet(set) === source.hash) return { set, seconds: 0 };
  throw new ConfigError(`${source.path}: the set has changed since the sweep was planned; plan it again`);
}
