import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { z } from "zod";
import { previewPng } from "../artifact/preview.ts";
import { writeSet } from "../artifact/write-set.ts";
import type { ImageDataset } from "../dataset/image-dataset.ts";
import { devicePeakBytes, liveBytes, releaseIdleMemory } from "../engine/memory.ts";
import { InterruptedError } from "../errors.ts";
import type { Forecast, MethodState } from "../method/method.ts";
import { disposeState } from "../method/state-tensors.ts";
import type { Provenance, SyntheticSet } from "../synthetic/synthetic-set.ts";
import { checkDeviceMemory, withPlace } from "./check-device.ts";
import { checkFiniteSet, checkFiniteStep } from "./check-finite.ts";
import { writeCheckpoint, type Checkpoint } from "./checkpoint.ts";
import { openEventLog, readEvents, type EventLog } from "./event-log.ts";
import type { RunEvent } from "./events.ts";
import { continueRun } from "./continue-run.ts";
import type { RunPlan } from "./plan-run.ts";
import { writeRunConfig, type RunConfig } from "./run-config.ts";
import { folderPartStore, memoryPartStore, type PartStore } from "./part-store.ts";
import { forecastOf, prepareContext, type PartEnvironment } from "./prepare-parts.ts";
import { runEnvironment, type RunEnvironment } from "./run-environment.ts";
import { holdRunFolder, keptSetPath, type RunPaths } from "./run-folder.ts";
import { decodeState, encodeState } from "./state-codec.ts";

/** How a run talks to the outside. */
export interface RunOutlet {
  /** Delivers an event; resolves when the run should go on. */
  emit(event: RunEvent): Promise<void>;
  /** Asked between two steps. */
  shouldStop(): boolean;
}

/** Where a run begins and what it keeps. */
interface Beginning {
  readonly forecast: Forecast;
  readonly runConfig: RunConfig;
  /** None: in memory only. */
  readonly paths?: RunPaths;
  readonly checkpoint?: Checkpoint | undefined;
}

/** Does a run from wherever its folder stands to the finished set. Rejects as `Run.result` of `distill` does. */
export async function workRun<Schema extends z.ZodType, State extends MethodState>(
  plan: RunPlan<Schema, State>,
  outlet: RunOutlet,
): Promise<SyntheticSet> {
  // Before anything is written: what the method refuses (an unknown network, say) leaves no folder behind.
  const environment = await runEnvironment();
  const forecastNow = (): Forecast => forecastOf(plan.method, plan.context, plan.config);
  const forecast = forecastNow();
  const runConfig = runConfigOf(plan, environment);
  checkDeviceMemory(plan.method.id, forecastNow);
  if (plan.directory === undefined) {
    return runSteps(
      await prepared(plan, memoryPartStore(), runConfig, outlet),
      { forecast, runConfig },
      outlet,
    );
  }
  const wanted = { config: runConfig, schema: plan.method.configSchema };
  const { paths, found, release } = await holdRunFolder(plan.directory, wanted, plan.resume);
  try {
    if (found.kind === "finished") {
      await outlet.emit({ kind: "done", step: plan.steps, seconds: loggedSeconds(paths.events) });
      return found.set;
    }
    let started: { readonly config: RunConfig; readonly checkpoint: Checkpoint | undefined } =
      found.kind === "started" ? found : { config: runConfig, checkpoint: undefined };
    if (started.checkpoint === undefined && plan.continueFrom !== undefined) {
      started = continueRun(plan.continueFrom, paths, wanted);
    }
    const cache = plan.cache ?? join(dirname(resolve(plan.directory)), "prepared");
    const ready = await prepared(plan, folderPartStore(cache), runConfig, outlet);
    // What a run was started with stays its provenance, whatever commit or machine it is resumed on.
    const { config, checkpoint } = started;
    return await runSteps(ready, { forecast, runConfig: config, paths, checkpoint }, outlet);
  } finally {
    release();
  }
}

/** The plan with a context in which the steps find what the method prepares. Nothing of the run itself is written. */
async function prepared<Schema extends z.ZodType, State extends MethodState>(
  plan: RunPlan<Schema, State>,
  store: PartStore,
  environment: PartEnvironment,
  outlet: RunOutlet,
): Promise<RunPlan<Schema, State>> {
  const { method, config, directory } = plan;
  try {
    const context = await prepareContext(method, plan.context, config, {
      store,
      environment,
      tell: (event) => outlet.emit(event),
      shouldStop: () => outlet.shouldStop(),
    });
    return { ...plan, context };
  } catch (error) {
    if (error instanceof InterruptedError) {
      await outlet.emit({ kind: "interrupted", step: 0, resume: directory ?? "" });
    }
    throw error;
  }
}

/** Seconds of work that the steps in a log add up to; 0 without a log. */
function loggedSeconds(path: string): number {
  if (!existsSync(path)) return 0;
  return readEvents(path).reduce((sum, event) => (event.kind === "step" ? sum + event.seconds : sum), 0);
}

function runConfigOf<Schema extends z.ZodType, State extends MethodState>(
  { method, dataset, preset, plainConfig, seed, steps }: RunPlan<Schema, State>,
  environment: RunEnvironment,
): RunConfig {
  return {
    method: method.id,
    dataset: datasetIdentity(dataset),
    ...(preset === undefined ? {} : { preset }),
    config: plainConfig,
    seed,
    steps,
    ...environment,
  };
}

/** Whitening decides the result too; per-channel constants are taken for granted. */
function datasetIdentity({ name, sha256, normalisation }: ImageDataset): RunConfig["dataset"] {
  if (normalisation.kind !== "zca") return { name, sha256 };
  const digits = createHash("sha256").update(normalisation.whiten).digest("hex").slice(0, 8);
  return { name, sha256, normalisation: `zca-${digits}` };
}

async function runSteps<Schema extends z.ZodType, State extends MethodState>(
  plan: RunPlan<Schema, State>,
  { forecast, runConfig, paths, checkpoint }: Beginning,
  outlet: RunOutlet,
): Promise<SyntheticSet> {
  const { method, context, config, steps } = plan;
  let step = checkpoint?.step ?? 0;
  let seconds = checkpoint?.seconds ?? 0;
  let saved = checkpoint === undefined ? undefined : { step, seconds };
  // The codec keeps a state's form; that it is this method's own, the run's identity has vouched for.
  let state =
    checkpoint === undefined
      ? method.init(context, config)
      : (decodeState(checkpoint.state, method.id) as State);
  let log: EventLog | undefined;

  const where = (): string => `${method.id} step ${step} of ${steps}`;
  const kept = (): string =>
    saved === undefined || paths === undefined
      ? ""
      : `; the checkpoint of step ${saved.step} is kept in ${paths.checkpoint}`;
  const tell = async (event: RunEvent): Promise<void> => {
    log?.append(event);
    await outlet.emit(event);
  };
  const save = async (): Promise<void> => {
    if (paths === undefined || saved?.step === step) return;
    const encoded = await encodeState(state, where(), kept());
    writeCheckpoint(paths.checkpoint, { step, seconds, state: encoded });
    saved = { step, seconds };
    await tell({ kind: "checkpoint", step, path: paths.checkpoint });
  };
  const saveIsDue = (): boolean => {
    const { steps: everySteps = Infinity, seconds: everySeconds = Infinity } = plan.checkpointEvery;
    return step - (saved?.step ?? 0) >= everySteps || seconds - (saved?.seconds ?? 0) >= everySeconds;
  };
  const snapshot = (): SyntheticSet => {
    const set = method.result(context, state, config);
    checkFiniteSet(where(), set, kept());
    return { ...set, provenance: provenanceOf(plan, runConfig) };
  };

  try {
    if (paths !== undefined) {
      if (checkpoint === undefined) writeRunConfig(paths.config, runConfig);
      log = openEventLog(paths.events);
    }
    await tell({ kind: "start", step, steps, forecast });
    while (step < steps) {
      // Lets signals, timers and the reader of the events have their turn.
      await nextTurn();
      if (outlet.shouldStop()) {
        await save();
        await tell({ kind: "interrupted", step, resume: plan.directory ?? "" });
        throw interrupted(where(), plan.directory);
      }
      const began = performance.now();
      const result = withPlace(where(), kept(), () => method.step(context, state, config, step));
      disposeState(state, result.state);
      state = result.state;
      step += 1;
      const took = (performance.now() - began) / 1000;
      seconds += took;
      checkFiniteStep(where(), result, kept());
      const { loss, terms } = result;
      const device = devicePeakBytes();
      const bytes = { bytes: liveBytes(), ...(device !== undefined && { devicePeakBytes: device }) };
      await tell({ kind: "step", step, steps, loss, terms, seconds: took, ...bytes });
      if (step < steps && saveIsDue()) await save();
      if (step < steps && step % plan.previewEvery === 0 && paths !== undefined) {
        await previewPng(snapshot(), paths.preview);
      }
      if (step < steps && step % plan.keepEvery === 0 && paths !== undefined) {
        const { provenance, ...set } = snapshot();
        await writeSet(keptSetPath(paths.folder, step), {
          ...set,
          provenance: { ...provenance, iterations: step },
        });
      }
    }
    await save();
    const set = snapshot();
    if (paths !== undefined) {
      // The set marks the run as finished: everything else is written before it.
      await previewPng(set, paths.preview);
      await writeSet(paths.set, set);
    }
    await tell({ kind: "done", step, seconds });
    return set;
  } finally {
    log?.close();
    disposeState(state);
    releaseIdleMemory();
  }
}

function interrupted(where: string, directory: string | undefined): InterruptedError {
  const next =
    directory === undefined
      ? "it had no run folder, so it cannot be resumed"
      : `its checkpoint is in ${directory}; resume it to go on`;
  return new InterruptedError(`${where}: interrupted; ${next}`);
}

function provenanceOf<Schema extends z.ZodType, State extends MethodState>(
  { method, ipc }: RunPlan<Schema, State>,
  { dataset, config, seed, steps, backend, precision, commit, machine }: RunConfig,
): Provenance {
  return {
    method: method.id,
    dataset: dataset.name,
    datasetSha256: dataset.sha256,
    ipc,
    config,
    seed,
    iterations: steps,
    backend,
    precision,
    commit,
    machine,
    cite: method.cite,
  };
}
