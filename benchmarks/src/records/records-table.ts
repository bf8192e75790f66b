import { sortedJson } from "@limbeck/core";
import { formatSummary, summarise } from "../statistics/summary.ts";
import { differingSettings } from "./differing-settings.ts";
import { fullestRecords } from "./fullest-records.ts";
import { markdownTable } from "./markdown-table.ts";
import { publishedFor, type PublishedAccuracies } from "./published.ts";
import type { EvaluationRecord } from "./record.ts";

/**
 * Records as a Markdown table, one row an evaluation, sorted by data set, IPC, protocol, network, then accuracy.
 * Accuracy is mean ± sample standard deviation (n − 1) over the seeds. Settings are those that tell rows of one method apart.
 * Of several evaluations of one set under one protocol, network and precision the one of the most networks is told, the latest of equals.
 *
 * @param published Papers' figures, for a column beside ours; left out where none fits.
 */
export function recordsTable(all: readonly EvaluationRecord[], published: PublishedAccuracies = []): string {
  const records = fullestRecords(all, ({ set, network, protocol, precision }) =>
    sortedJson([set, network, protocol, precision]),
  );
  const settings = differingSettings(records);
  const rows = records
    .map((record, i) => ({ record, settings: settings[i]!, summary: summarise(record.accuracy) }))
    .sort((a, b) => compare(groupOf(a.record), groupOf(b.record)) || a.summary.mean - b.summary.mean)
    .map(({ record, settings, summary }) => [
      record.normalisation === "zca" ? `${record.dataset}, ZCA` : record.dataset,
      String(record.ipc),
      record.method,
      iterationsOf(record),
      settings,
      record.network,
      record.protocol,
      formatSummary(summary),
      publishedFor(record, published) ?? "",
      record.precision,
      record.commit.slice(0, 7),
      record.date.slice(0, 10),
    ]);
  const head = [
    "Data set",
    "IPC",
    "Method",
    "Iterations",
    "Settings",
    "Network",
    "Protocol",
    "Accuracy, %",
    "Published",
    "Precision",
    "Commit",
    "Date",
  ];
  return markdownTable(head, rows, ["Settings", "Published"]);
}

function iterationsOf({ config }: EvaluationRecord): string {
  return typeof config["iterations"] === "number" ? String(config["iterations"]) : "–";
}

function groupOf({ dataset, ipc, protocol, network }: EvaluationRecord): readonly (string | number)[] {
  return [dataset, ipc, protocol, network];
}

function compare(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (const [i, x] of a.entries()) {
    if (x < b[i]!) return -1;
    if (x > b[i]!) return 1;
  }
  return 0;
}
