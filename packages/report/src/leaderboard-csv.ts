import { leaderboardRows, type LeaderboardRow } from "./leaderboard-rows.ts";
import type { ReportData } from "./model.ts";

type Cell = string | number | undefined;

const COLUMNS: Readonly<Record<string, (row: LeaderboardRow) => Cell>> = {
  method: ({ record }) => record.method,
  dataset: ({ record }) => record.dataset,
  normalisation: ({ record }) => record.normalisation ?? "mean-std",
  ipc: ({ record }) => record.ipc,
  labels: ({ record }) => record.labels,
  network: ({ record }) => record.network,
  protocol: ({ record }) => record.protocol,
  precision: ({ record }) => record.precision,
  sets: ({ accuracy }) => accuracy.sets,
  n: ({ accuracy }) => accuracy.n,
  accuracy_mean: ({ accuracy }) => rounded(accuracy.mean),
  accuracy_std: ({ accuracy }) => rounded(accuracy.withinStd),
  accuracy_std_between_sets: ({ accuracy }) => rounded(accuracy.betweenStd),
  accuracy_ci95_half_width: ({ accuracy }) => rounded(accuracy.halfWidth95),
  bytes: ({ bytes }) => bytes,
  distill_seconds: ({ seconds }) => rounded(seconds.distill),
  evaluate_seconds: ({ seconds }) => rounded(seconds.evaluate),
  commit: ({ commits }) => commits.join(" "),
  set: ({ record }) => record.set,
};

/**
 * The leaderboard as CSV (RFC 4180), one row for records that differ in seeds alone; accuracies in percent, the standard deviation
 * of networks on one set and that of the sets' means. What was not measured is empty.
 *
 * No cell is a formula to a spreadsheet: a text that would begin one gets an apostrophe before it.
 */
export function leaderboardCsv(data: Pick<ReportData, "records" | "configs">): string {
  const rows = leaderboardRows(data).map((row) => Object.values(COLUMNS).map((of) => csvCell(of(row))));
  return [Object.keys(COLUMNS), ...rows].map((cells) => `${cells.join(",")}\r\n`).join("");
}

function rounded(value: number): number | undefined {
  return Number.isFinite(value) ? Number(value.toPrecision(8)) : undefined;
}

function csvCell(value: Cell): string {
  if (value === undefined) return "";
  if (typeof value === "number") return String(value);
  // Control characters, line ends among them, begin a cell anew in some spreadsheets.
  const text = value.replace(/\p{Cc}+/gu, " ");
  const harmless = /^\s*[=+\-@＝＋－＠|%]/u.test(text) ? `'${text}` : text;
  return /[",;]|^\s|\s$/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
