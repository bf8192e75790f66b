import { takeInterrupts, wholeNumber } from "@limbeck/benchmarks";
import { LimbeckError, type ImageDataset } from "@limbeck/core";
import { datasets } from "@limbeck/datasets";
import {
  collectReport,
  reportMemory,
  serveReport,
  writeReport,
  writeTables,
  type ReportOptions,
} from "@limbeck/report";
import type { Command } from "commander";
import { withOutputOptions } from "../common-options.ts";
import { openForCommand } from "../open-for-command.ts";
import { createOutput, type Output, type OutputOptions } from "../output.ts";
import { formatBytes } from "../units.ts";

interface ReportFlags extends OutputOptions {
  readonly out: string;
  readonly title?: string;
  readonly testImages: number;
  readonly tables?: true;
  readonly watch?: true;
  readonly port: number;
}

/** `limbeck report <paths…>`: one page of runs, sweeps, sets and records. */
export function registerReport(program: Command): void {
  withOutputOptions(
    program
      .command("report")
      .description("one self-contained page of runs, sweeps, sets and records, which also trains on the sets")
      .argument("<paths...>", "run folders, sweep folders, sets, files of records, or folders of them")
      .option("-o, --out <file>", "HTML file to write", "report.html")
      .option("--title <text>", "title of the page (default: from the paths)")
      .option("--test-images <n>", "real test images that the page carries to test on", wholeNumber(1), 1000)
      .option("--tables", "also write report.md and leaderboard.csv beside the page, over earlier ones")
      .option("--watch", "serve the page on this machine while work goes on; writes no file")
      .option("--port <n>", "port of --watch; 0 for any free one", wholeNumber(0), 4173),
  ).action(report);
}

async function report(paths: readonly string[], flags: ReportFlags): Promise<void> {
  const output = createOutput(flags);
  const memory = reportMemory();
  const options = (): ReportOptions => ({
    memory,
    ...(flags.title === undefined ? {} : { title: flags.title }),
    made: new Date().toISOString(),
    testImages: flags.testImages,
    openDataset: (name) => openIfHere(name, output),
  });
  if (flags.watch === true) return watch(() => collectReport(paths, options()), flags.port, output);
  const { data, bytes } = await writeReport(paths, flags.out, options());
  const tables = flags.tables === true ? writeTables(data, flags.out) : [];
  const { records, sets, runs, problems } = data;
  for (const { path, message } of problems) output.note(`${path}: ${message}`);
  output.result(
    {
      path: flags.out,
      tables,
      bytes,
      records: records.length,
      sets: sets.length,
      runs: runs.length,
      problems,
    },
    [
      `${flags.out}: ${records.length} evaluations, ${sets.length} sets, ${runs.length} runs, ${formatBytes(bytes)}`,
      ...tables,
    ].join("\n"),
  );
}

async function watch(
  collect: () => ReturnType<typeof collectReport>,
  port: number,
  output: Output,
): Promise<void> {
  // What cannot be read is told here, not in the browser.
  await collect();
  const interrupt = takeInterrupts(() => output.note("\nended"));
  const served = await serveReport({ collect, port });
  output.result({ url: served.url }, `${served.url}  (Ctrl-C ends it)`);
  try {
    await new Promise<void>((resolve) => interrupt.signal.addEventListener("abort", () => resolve()));
  } finally {
    await served.close();
    interrupt.release();
  }
}

/**
 * Real data for the nearest images and the test images; nothing is downloaded for a page. Only data sets known by name: what a set
 * file calls its data is not taken for a path.
 */
async function openIfHere(name: string, output: Output): Promise<ImageDataset | undefined> {
  if (!datasets.some(({ id }) => id === name)) return undefined;
  try {
    return await openForCommand(name, output, { download: false });
  } catch (error) {
    if (!(error instanceof LimbeckError)) throw error;
    output.note(
      `${name}: not on this machine, so the page shows no nearest real images of it and trains nothing on it`,
    );
    return undefined;
  }
}
