import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { storageError } from "../artifact/durable-file.ts";
import { RunError } from "../errors.ts";
import { readCheckpoint, writeCheckpoint, type Checkpoint } from "./checkpoint.ts";
import { checkShorterRun, writeRunConfig, type RunConfig, type WantedRun } from "./run-config.ts";
import { keptSetPath, readRun, type RunPaths } from "./run-folder.ts";

/**
 * Puts a shorter run's log, kept sets and checkpoint into the folder of a longer one, which from then on needs the shorter run no more.
 * Killed in between and called again, it does the rest.
 *
 * @param from Folder of the shorter run; only read.
 * @param paths Folder of the longer run, held by this process, without a checkpoint.
 * @throws {RunError} if there is no checkpoint to go on from, if it is past the end of the longer run, or if the two runs differ in
 *   more than `iterations`.
 * @throws {DataError} if `from` is not a run folder or a file in it is damaged.
 */
export function continueRun(
  from: string,
  paths: RunPaths,
  wanted: WantedRun,
): { readonly config: RunConfig; readonly checkpoint: Checkpoint } {
  const shorter = readRun(from);
  checkShorterRun(from, shorter.config, wanted);
  const checkpoint = readCheckpoint(shorter.paths.checkpoint);
  if (checkpoint === undefined) {
    throw new RunError(
      `${from}: wanted a run with a checkpoint to continue from, it has none yet; start anew`,
    );
  }
  const { step } = checkpoint;
  if (step > wanted.config.steps) {
    throw new RunError(
      `${from}: is at step ${step}, past the ${wanted.config.steps} of the run that is to continue it; ask for more iterations`,
    );
  }
  const config = { ...wanted.config, continues: { step, commit: shorter.config.commit } };
  try {
    const history = shorter.events.filter((event) => event.step <= step && event.kind !== "done");
    writeRunConfig(paths.config, config);
    fs.writeFileSync(paths.events, history.map((event) => `${JSON.stringify(event)}\n`).join(""));
    copyKeptSets(from, paths.folder, step);
    if (shorter.finished) fs.copyFileSync(shorter.paths.set, keptSetPath(paths.folder, step));
  } catch (error) {
    throw storageError(paths.folder, error);
  }
  writeCheckpoint(paths.checkpoint, checkpoint);
  return { config, checkpoint };
}

function copyKeptSets(from: string, to: string, last: number): void {
  const folder = dirname(keptSetPath(from, 0));
  fs.mkdirSync(dirname(keptSetPath(to, 0)), { recursive: true });
  if (!fs.existsSync(folder)) return;
  for (const name of fs.readdirSync(folder)) {
    const step = Number(/^step-(\d+)\.arrow$/.exec(name)?.[1] ?? Infinity);
    if (step <= last) fs.copyFileSync(join(folder, name), keptSetPath(to, step));
  }
}
