import { existsSync, readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { DataError } from "@limbeck/core";
import { isKeptSet, keptSets } from "./kept-sets.ts";

/** Files and folders that a report is made of. */
export interface Sources {
  /** Files of records. */
  readonly records: readonly string[];
  /** Run folders. */
  readonly runs: readonly string[];
  /** Files of sets; of a run at work, the last that it kept. */
  readonly sets: readonly string[];
  /** Outcomes of a sweep's finished cells. */
  readonly outcomes: readonly string[];
}

/** Folders that hold no results, or too many files. */
const LEFT_OUT = new Set(["checkpoint", "prepared", "node_modules", ".git"]);
/** Folders inside one another that are looked into. */
const DEEPEST = 8;

/**
 * Finds run folders, stores of sweeps, sets and records below the paths, in the order of their names.
 *
 * @throws {DataError} if a path does not exist, or nothing is found.
 */
export function findSources(paths: readonly string[]): Sources {
  const found = {
    records: [] as string[],
    runs: [] as string[],
    sets: [] as string[],
    outcomes: [] as string[],
  };
  const look = (path: string, depth: number): void => {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return lookAtFile(path);
    if (depth > DEEPEST) return;
    if (existsSync(join(path, "config.json"))) {
      found.runs.push(path);
      const forming = existsSync(join(path, "set.arrow"))
        ? undefined
        : keptSets(join(path, "set.arrow")).at(-1);
      if (forming !== undefined) found.sets.push(forming.path);
    }
    for (const name of readdirSync(path).sort()) {
      if (LEFT_OUT.has(name) || name.startsWith("set.arrow.")) continue;
      look(join(path, name), depth + 1);
    }
  };
  const lookAtFile = (path: string): void => {
    const name = path.replace(/^.*[\\/]/, "");
    if (name === "events.jsonl" || name === "seeds.jsonl") return;
    if (name.endsWith(".jsonl")) found.records.push(path);
    else if (name === "outcome.json") found.outcomes.push(path);
    else if (name.endsWith(".arrow") && !isKeptSet(name)) found.sets.push(path);
  };
  for (const path of paths) {
    if (!existsSync(path)) throw new DataError(`report: ${path} does not exist; check the path`);
    look(path, 0);
  }
  if (Object.values(found).every((list) => list.length === 0)) {
    throw new DataError(
      `report: ${paths.join(", ")}: wanted runs, sweeps, sets or records, got none; ` +
        "make some with `limbeck distill` or `limbeck sweep`",
    );
  }
  return found;
}

/** The path as it is shown: from the working folder where it lies below. */
export function shownPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") ? path : short;
}
