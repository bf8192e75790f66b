import { writeFileBeside } from "@limbeck/core";
import { pageFiles } from "./page-files.ts";
import { renderPage } from "./render-page.ts";
import { collectReport, type ReportOptions } from "./report-data.ts";
import type { ReportData } from "./model.ts";

/**
 * Writes one self-contained HTML file about everything below the paths.
 *
 * @returns What is on the page, and the size of the file.
 * @throws {DataError} if a path does not exist, or nothing is found below them.
 * @throws {RunError} if the file cannot be written.
 */
export async function writeReport(
  paths: readonly string[],
  file: string,
  options: ReportOptions,
): Promise<{ readonly data: ReportData; readonly bytes: number }> {
  const data = await collectReport(paths, options);
  const html = renderPage(data, await pageFiles());
  writeFileBeside(file, html);
  return { data, bytes: Buffer.byteLength(html) };
}
