import { sortedJson } from "@limbeck/core";
import type { EvaluationRecord } from "./record.ts";

/** Have columns of their own, or say nothing about the method. */
const TOLD_ELSEWHERE: ReadonlySet<string> = new Set(["seed", "ipc", "iterations", "network"]);

/**
 * What tells records of one method, data set and IPC apart: for each record the settings in which these differ among `records`, such
 * as `experts 5, maxStartEpoch 4`; empty where all are alike. A setting that a record lacks (the method had no such option yet) is not a
 * difference.
 */
export function differingSettings(records: readonly EvaluationRecord[]): string[] {
  const values = new Map<string, Map<string, Set<string>>>();
  for (const record of records) {
    const ofGroup = values.get(groupOf(record)) ?? new Map<string, Set<string>>();
    values.set(groupOf(record), ofGroup);
    for (const [key, value] of Object.entries(record.config)) {
      ofGroup.set(key, (ofGroup.get(key) ?? new Set()).add(sortedJson(value)));
    }
  }
  return records.map((record) =>
    Object.entries(record.config)
      .filter(([key]) => !TOLD_ELSEWHERE.has(key) && values.get(groupOf(record))!.get(key)!.size > 1)
      .map(([key, value]) => `${key} ${typeof value === "string" ? value : sortedJson(value)}`)
      .join(", "),
  );
}

function groupOf({ method, dataset, ipc }: EvaluationRecord): string {
  return sortedJson([method, dataset, ipc]);
}
