import { sortedJson } from "@limbeck/core";
import { methods } from "../methods.gen.ts";
import type { EvaluationRecord } from "./record.ts";

/** Have columns of their own, or say nothing about the method. */
const TOLD_ELSEWHERE: ReadonlySet<string> = new Set(["seed", "ipc", "iterations", "network"]);

/**
 * What tells records of one method, data set and IPC apart: for each record the settings in which these differ among `records`, such
 * as `experts 5, maxStartEpoch 4`; empty where all are alike. A setting that a record lacks, for the method had no such option yet, has
 * the default: a new option leaves by default what was.
 */
export function differingSettings(records: readonly EvaluationRecord[]): string[] {
  const settings = records.map(completeSettings);
  const values = new Map<string, Map<string, Set<string>>>();
  for (const [i, record] of records.entries()) {
    const ofGroup = values.get(groupOf(record)) ?? new Map<string, Set<string>>();
    values.set(groupOf(record), ofGroup);
    for (const [key, value] of Object.entries(settings[i]!)) {
      ofGroup.set(key, (ofGroup.get(key) ?? new Set()).add(sortedJson(value)));
    }
  }
  return records.map((record, i) =>
    Object.entries(settings[i]!)
      .filter(([key]) => !TOLD_ELSEWHERE.has(key) && values.get(groupOf(record))!.get(key)!.size > 1)
      .map(([key, value]) => `${key} ${typeof value === "string" ? value : sortedJson(value)}`)
      .join(", "),
  );
}

/** The record's settings, and after them defaults of those that it lacks. */
function completeSettings({ method, ipc, config }: EvaluationRecord): Readonly<Record<string, unknown>> {
  const schema = methods.find(({ id }) => id === method)?.configSchema;
  const defaults = schema?.safeParse({ ipc }).data as Readonly<Record<string, unknown>> | undefined;
  const lacking = Object.entries(defaults ?? {}).filter(([key]) => !(key in config));
  return { ...config, ...Object.fromEntries(lacking) };
}

function groupOf({ method, dataset, ipc }: EvaluationRecord): string {
  return sortedJson([method, dataset, ipc]);
}
