import { basename, extname, resolve } from "node:path";
import { labelBytesPlot, matchedStarts, readRecords, startEpochsPlot } from "@limbeck/benchmarks";
import { readEvents, runPaths, writeFileBeside } from "@limbeck/core";
import { CHART_NAMES, collectReport, plotReport, svgPdf, type PlotChoice } from "@limbeck/report";
import { Argument, type Command } from "commander";
import { withOutputOptions } from "../common-options.ts";
import { createOutput, type OutputOptions } from "../output.ts";

interface PlotFlags extends OutputOptions, PlotChoice {
  readonly out?: string;
}

/** Charts that one page of a report does not have. */
const OWN_CHARTS: Readonly<Record<string, (paths: readonly string[]) => Promise<string>>> = {
  "start-epochs": startEpochs,
  "label-bytes": async (files) => labelBytesPlot(files.flatMap(readRecords)),
};

/** `limbeck plot <chart> <paths…>`: charts for papers, and LaTeX tables. */
export function registerPlot(program: Command): void {
  withOutputOptions(
    program
      .command("plot")
      .description("write a chart as SVG or PDF, or records as a LaTeX table")
      .addArgument(
        new Argument("<chart>", "what to draw").choices([...CHART_NAMES, ...Object.keys(OWN_CHARTS)]),
      )
      .argument("<paths...>", "run folders, sweep folders, files of records, or folders of them")
      .option("-o, --out <file>", "file to write; its ending says as what (default: CHART.svg, table.tex)")
      .option("--dataset <name>", "only records of this data set")
      .option("--network <name>", "only records of this network")
      .option("--protocol <id>", "only records under this protocol"),
  ).action(plot);
}

async function plot(chart: string, paths: readonly string[], { out, ...flags }: PlotFlags): Promise<void> {
  const output = createOutput(flags);
  const file = out ?? (chart === "table" ? "table.tex" : `${chart}.svg`);
  const format = extname(file).slice(1);
  const own = OWN_CHARTS[chart];
  if (own !== undefined) {
    const svg = await own(paths);
    writeFileBeside(file, format === "pdf" ? await svgPdf(svg) : svg);
  } else {
    const data = await collectReport(paths, { made: new Date().toISOString(), withoutImages: true });
    for (const { path, message } of data.problems) output.note(`${path}: ${message}`);
    writeFileBeside(file, await plotReport(data, chart, format, flags));
  }
  output.result({ chart, path: file }, file);
}

/** Where in the experts' training trajectory methods match. */
async function startEpochs(folders: readonly string[]): Promise<string> {
  const runs = folders.map((folder) => {
    const { events } = runPaths(folder);
    return { name: basename(resolve(folder)), starts: matchedStarts(readEvents(events), events) };
  });
  return startEpochsPlot(runs);
}
