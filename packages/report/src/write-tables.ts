import { dirname, join } from "node:path";
import { writeFileBeside } from "@limbeck/core";
import { leaderboardCsv } from "./leaderboard-csv.ts";
import type { ReportData } from "./model.ts";
import { reportMarkdown } from "./report-markdown.ts";

/**
 * Writes what a page shows as text and table beside it: `report.md` and `leaderboard.csv`, over earlier ones.
 *
 * @param page Path of the page.
 * @returns Their paths.
 * @throws {RunError} if a file cannot be written.
 */
export function writeTables(data: ReportData, page: string): readonly string[] {
  const markdown = join(dirname(page), "report.md");
  const csv = join(dirname(page), "leaderboard.csv");
  writeFileBeside(markdown, reportMarkdown(data));
  writeFileBeside(csv, leaderboardCsv(data));
  return [markdown, csv];
}
