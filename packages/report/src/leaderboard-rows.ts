import {
  bySet,
  groupRecords,
  summariseNested,
  type EvaluationRecord,
  type NestedSummary,
} from "@limbeck/benchmarks";
import { evaluationRecords } from "./evaluation-records.ts";
import type { ReportData } from "./model.ts";

/** Records that differ in seeds alone, as one row. */
export interface LeaderboardRow {
  /** The latest of them. */
  readonly record: EvaluationRecord;
  readonly accuracy: NestedSummary;
  /** Of the latest. */
  readonly bytes: number;
  /** Means over the records, wall seconds. */
  readonly seconds: { readonly distill: number; readonly evaluate: number };
  /** Different commits that the records were made by. */
  readonly commits: readonly string[];
}

/** Rows by data set, IPC, network and protocol, the best mean first. */
export function leaderboardRows(data: Pick<ReportData, "records" | "configs">): LeaderboardRow[] {
  return groupRecords(evaluationRecords(data))
    .map(({ record, records, accuracies }) => {
      const { images, labels, decoder } = record.bytes;
      const average = (of: "distill" | "evaluate"): number =>
        records.reduce((sum, { seconds }) => sum + seconds[of], 0) / records.length;
      return {
        record,
        accuracy: summariseNested(bySet(accuracies)),
        bytes: images + labels + decoder,
        seconds: { distill: average("distill"), evaluate: average("evaluate") },
        commits: [...new Set(records.map(({ commit }) => commit))],
      };
    })
    .sort((a, b) => order(a.record, b.record) || b.accuracy.mean - a.accuracy.mean);
}

function order(a: EvaluationRecord, b: EvaluationRecord): number {
  const text = (x: string, y: string): number => (x < y ? -1 : x > y ? 1 : 0);
  return (
    text(a.dataset, b.dataset) ||
    text(a.normalisation ?? "", b.normalisation ?? "") ||
    a.ipc - b.ipc ||
    text(a.network, b.network) ||
    text(a.protocol, b.protocol)
  );
}
