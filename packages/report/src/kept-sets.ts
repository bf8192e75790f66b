import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const NAME = /^step-(\d+)\.arrow$/;

/** A set as it stood after a step of its run. */
interface KeptSet {
  readonly step: number;
  readonly path: string;
}

/** Whether a file is such a set. */
export function isKeptSet(path: string): boolean {
  return NAME.test(basename(path));
}

/** The step of a file that {@link isKeptSet}. */
function keptStep(path: string): number {
  return Number(NAME.exec(basename(path))![1]);
}

/** Where the set of a run lies, or will: also of a file that {@link isKeptSet}. */
export function finalPath(path: string): string {
  return isKeptSet(path) ? join(dirname(dirname(path)), "set.arrow") : path;
}

/** The sets that a run kept on its way, the first first. @param path Of its set, or of one of them. */
export function keptSets(path: string): KeptSet[] {
  const folder = join(dirname(finalPath(path)), "sets");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter(isKeptSet)
    .map((name) => ({ step: keptStep(name), path: join(folder, name) }))
    .sort((a, b) => a.step - b.step);
}
