import { existsSync } from "node:fs";
import {
  ConfigError,
  distill,
  keptSetPath,
  readRun,
  readSet,
  writeSet,
  type DistillationMethod,
  type ImageDataset,
  type RunEvent,
  type SyntheticSet,
} from "@limbeck/core";
import type { EvaluationRecord } from "../records/record.ts";
import { appendRecord } from "../records/record-file.ts";
import { chooseSet, type Candidate } from "./choose-set.ts";
import { evaluateCached } from "./evaluate-cached.ts";
import type { EvaluationOptions, EvaluationProgress } from "./evaluate-set.ts";
import { withSnapshots } from "./with-snapshots.ts";

export interface BenchmarkOptions extends Omit<EvaluationOptions, "known" | "onSeed" | "onProgress"> {
  readonly preset?: string | undefined;
  readonly config?: object;
  /** Of the distillation. */
  readonly seed?: number;
  /** Run folder: an unfinished run or evaluation in it is finished, a finished one is read. */
  readonly folder: string;
  /** Folder of a shorter run of the same configuration, to begin where that one stands. */
  readonly continueFrom?: string | undefined;
  /** Steps after which the set is evaluated too: the learning curve. Those past the end are left out. */
  readonly evaluateAt?: readonly number[];
  /** Evaluate only one of these sets and the last: the best on the images that the run held out. */
  readonly choose?: boolean;
  /** File that new records are appended to besides the folder's own. */
  readonly records?: string;
  readonly onDistill?: (event: RunEvent) => void;
  /** @param step Steps of distillation behind the set that is being evaluated. */
  readonly onEvaluate?: (step: number, progress: EvaluationProgress) => void;
}

/**
 * Condenses a data set and evaluates what comes out, and on request what there was on the way. Kill it anywhere and call it
 * again: it goes on.
 *
 * @returns One record a set, by steps; the last is the finished set's.
 */
export async function benchmarkMethod(
  method: DistillationMethod,
  dataset: ImageDataset,
  options: BenchmarkOptions,
): Promise<{ readonly set: SyntheticSet; readonly records: readonly EvaluationRecord[] }> {
  const set = await distillWithSnapshots(method, dataset, options);
  const { folder } = options;
  const last = set.provenance.iterations;
  const events = readRun(folder).events;
  const steps = [...(options.evaluateAt ?? []).filter((step) => step < last), last];
  const candidates = steps.map((step): Candidate => ({
    step,
    set: step === last ? set : readSet(keptSetPath(folder, step)),
  }));
  const evaluation = (step: number): EvaluationOptions => ({
    ...options,
    onProgress: (progress) => options.onEvaluate?.(step, progress),
  });
  const choice =
    options.choose === true ? await chooseSet(candidates, dataset, folder, evaluation) : undefined;
  const records: EvaluationRecord[] = [];
  for (const { step, set } of candidates) {
    if (choice !== undefined && choice.step !== step) continue;
    const seconds = events.reduce(
      (sum, event) => (event.kind === "step" && event.step <= step ? sum + event.seconds : sum),
      0,
    );
    const { record, cached } = await evaluateCached(set, dataset, folder, seconds, evaluation(step));
    const told = choice === undefined ? record : { ...record, chosen: choice.chosen };
    if (!cached && options.records !== undefined) appendRecord(options.records, told);
    records.push(told);
  }
  return { set, records };
}

/** Runs to the end; sets after the wanted steps lie in `sets/` of the run folder afterwards. */
async function distillWithSnapshots(
  method: DistillationMethod,
  dataset: ImageDataset,
  { preset, config, seed, folder, continueFrom, evaluateAt = [], signal, onDistill }: BenchmarkOptions,
): Promise<SyntheticSet> {
  const missing = evaluateAt.filter((step) => !existsSync(keptSetPath(folder, step)));
  const { watched, take } = withSnapshots(method, missing);
  const run = distill(watched, dataset, {
    preset,
    config: config ?? {},
    ...(seed === undefined ? {} : { seed }),
    ...(signal === undefined ? {} : { signal }),
    directory: folder,
    resume: true,
    ...(continueFrom === undefined ? {} : { continueFrom }),
  });
  for await (const event of run) {
    // The run waits while this body works: the set is on the disk before a later checkpoint is.
    const content = event.kind === "step" ? take(event.step) : undefined;
    if (content !== undefined && event.kind === "step") {
      await writeSet(keptSetPath(folder, event.step), {
        ...content,
        provenance: provenanceAt(folder, method, event.step),
      });
    }
    onDistill?.(event);
  }
  const set = await run.result;
  const lost = missing.filter(
    (step) => step < set.provenance.iterations && !existsSync(keptSetPath(folder, step)),
  );
  if (lost.length === 0) return set;
  throw new ConfigError(
    `${folder}: the run went past step ${lost.join(", ")} without keeping the set; choose another folder or leave ` +
      `these steps out of evaluateAt`,
  );
}

function provenanceAt(
  folder: string,
  method: DistillationMethod,
  iterations: number,
): SyntheticSet["provenance"] {
  const { dataset, config, seed, backend, precision, commit, machine } = readRun(folder).config;
  return {
    method: method.id,
    dataset: dataset.name,
    datasetSha256: dataset.sha256,
    ipc: Number(config["ipc"]),
    // What a shorter run would have been: the configuration of this very set.
    config: { ...config, iterations },
    seed,
    iterations,
    backend,
    precision,
    commit,
    machine,
    cite: method.cite,
  };
}
