import * as fs from "node:fs";
import { dirname, join, resolve } from "node:path";
import { folderGenerations, removeParts, storageError } from "../artifact/durable-file.ts";
import { readSet } from "../artifact/read-set.ts";
import { DataError, RunError } from "../errors.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import { readCheckpoint, type Checkpoint } from "./checkpoint.ts";
import { readEvents, type LoggedEvent } from "./event-log.ts";
import { checkSameRun, readRunConfig, type RunConfig, type WantedRun } from "./run-config.ts";
import { lockRunFolder } from "./run-lock.ts";

/** The files of a run folder. */
export interface RunPaths {
  readonly folder: string;
  readonly config: string;
  readonly events: string;
  readonly checkpoint: string;
  readonly set: string;
  readonly preview: string;
  /** Evaluations of the set, appended by the harness. */
  readonly records: string;
}

/** Where each file of a run folder is. */
export function runPaths(folder: string): RunPaths {
  return {
    folder,
    config: join(folder, "config.json"),
    events: join(folder, "events.jsonl"),
    checkpoint: join(folder, "checkpoint"),
    set: join(folder, "set.arrow"),
    preview: join(folder, "preview.png"),
    records: join(folder, "records.jsonl"),
  };
}

/** Path of a set that is named by itself or by its run's folder. */
export function setPathOf(path: string): string {
  return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? runPaths(path).set : path;
}

/** Where a run folder keeps the set as it stood after some step. */
export function keptSetPath(folder: string, step: number): string {
  return join(folder, "sets", `step-${String(step).padStart(6, "0")}.arrow`);
}

/** What a run folder tells about its run. */
export interface RunSummary {
  readonly paths: RunPaths;
  readonly config: RunConfig;
  readonly events: readonly LoggedEvent[];
  /** Whether `set.arrow` is there. */
  readonly finished: boolean;
}

/**
 * Reads a run folder, also while the run is at work.
 *
 * @throws {DataError} if it is not a run folder or a file in it is damaged.
 */
export function readRun(folder: string): RunSummary {
  const paths = runPaths(folder);
  if (!fs.existsSync(paths.config)) {
    throw new DataError(`${folder}: wanted a run folder, config.json is missing; check the path`);
  }
  return {
    paths,
    config: readRunConfig(paths.config),
    events: fs.existsSync(paths.events) ? readEvents(paths.events) : [],
    finished: fs.existsSync(paths.set),
  };
}

/** A run folder that this process holds. */
export interface HeldFolder {
  readonly paths: RunPaths;
  /** What an earlier process left: nothing, a run to go on with, or a finished set. */
  readonly found:
    | { readonly kind: "nothing" }
    | { readonly kind: "started"; readonly config: RunConfig; readonly checkpoint: Checkpoint | undefined }
    | { readonly kind: "finished"; readonly config: RunConfig; readonly set: SyntheticSet };
  /** Lets other processes in; removes the folder again if this process made it and nothing was written. */
  release(): void;
}

/**
 * Locks a run folder, made if needed, and finds out what is in it.
 *
 * @param resume Whether a run that is there is to be continued.
 * @throws {RunError} if another process writes the folder, if it holds a run and `resume` is false, or another run
 *   than `wanted`.
 * @throws {DataError} if the run in it is damaged.
 */
export async function holdRunFolder(folder: string, wanted: WantedRun, resume: boolean): Promise<HeldFolder> {
  const paths = runPaths(folder);
  const made = makeFolder(folder);
  const unlock = await lockRunFolder(folder);
  const release = (): void => {
    unlock();
    if (made !== undefined) removeEmpty(folder, made);
  };
  try {
    removeParts(folder);
    return { paths, found: findRun(paths, wanted, resume), release };
  } catch (error) {
    release();
    throw error;
  }
}

function findRun(paths: RunPaths, wanted: WantedRun, resume: boolean): HeldFolder["found"] {
  if (!fs.existsSync(paths.config)) {
    const stray = [...folderGenerations(paths.checkpoint), paths.set, paths.events].find((path) =>
      fs.existsSync(path),
    );
    if (stray === undefined) return { kind: "nothing" };
    throw new RunError(
      `${paths.folder}: has ${stray} but no config.json, so it is no run; choose another folder`,
    );
  }
  const config = readRunConfig(paths.config);
  const finished = fs.existsSync(paths.set);
  if (!resume) {
    const state = finished ? "a finished run" : "an unfinished run";
    throw new RunError(
      `${paths.folder}: already holds ${state} of ${config.method}; resume it or choose another folder`,
    );
  }
  checkSameRun(paths.folder, config, wanted);
  return finished
    ? { kind: "finished", config, set: readSet(paths.set) }
    : { kind: "started", config, checkpoint: readCheckpoint(paths.checkpoint) };
}

/** @returns The topmost folder that had to be made, if any. */
function makeFolder(folder: string): string | undefined {
  try {
    return fs.mkdirSync(resolve(folder), { recursive: true });
  } catch (error) {
    const isFile = (error as NodeJS.ErrnoException).code === "EEXIST";
    throw isFile
      ? new RunError(`${folder}: wanted a run folder, it is a file; choose another path`, { cause: error })
      : storageError(folder, error);
  }
}

/** Removes `folder` and the folders above it up to `made`, as long as they are empty. */
function removeEmpty(folder: string, made: string): void {
  for (let path = resolve(folder); path.length >= made.length; path = dirname(path)) {
    if (!fs.existsSync(path) || fs.readdirSync(path).length > 0) return;
    fs.rmdirSync(path);
  }
}
