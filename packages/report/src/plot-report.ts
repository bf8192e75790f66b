import { ConfigError, DataError } from "@limbeck/core";
import { accuracyChart, curvesChart, seriesOf, type AccuracyAxis } from "./charts.ts";
import { latexTable } from "./latex-table.ts";
import type { ReportData, ReportRecord } from "./model.ts";
import { paperSvg } from "./paper-chart.ts";
import { svgPdf } from "./svg-pdf.ts";

const AXES: Readonly<Record<string, AccuracyAxis>> = {
  "accuracy-ipc": "ipc",
  "accuracy-bytes": "bytes",
  "accuracy-seconds": "seconds",
};

/** What {@link plotReport} draws. */
export const CHART_NAMES = [...Object.keys(AXES), "loss", "table"] as const;

/** Which records are drawn; what is not given is that of the most records. */
export interface PlotChoice {
  readonly dataset?: string;
  readonly network?: string;
  readonly protocol?: string;
}

/**
 * A chart of the page, or its records, as a file for papers.
 *
 * @param chart One of {@link CHART_NAMES}.
 * @param format `svg` or `pdf` for charts, `tex` for the table.
 * @throws {ConfigError} on an unknown chart or a format that it does not have.
 * @throws {DataError} if there is nothing to draw.
 */
export async function plotReport(
  data: ReportData,
  chart: string,
  format: string,
  choice: PlotChoice = {},
): Promise<Buffer> {
  if (!(CHART_NAMES as readonly string[]).includes(chart)) {
    throw new ConfigError(`plot: unknown chart "${chart}"; known: ${CHART_NAMES.join(", ")}`);
  }
  const formats = chart === "table" ? ["tex"] : ["svg", "pdf"];
  if (!formats.includes(format)) {
    throw new ConfigError(
      `plot: ${chart} is written as ${formats.join(" or ")}, got a file ending in .${format}`,
    );
  }
  if (chart === "table") return Buffer.from(latexTable(fitting(data.records, choice)));
  const svg = chart === "loss" ? lossSvg(data) : accuracySvg(data, AXES[chart]!, choice);
  return format === "svg" ? Buffer.from(svg) : svgPdf(svg);
}

function accuracySvg({ records, anchors }: ReportData, axis: AccuracyAxis, choice: PlotChoice): string {
  const own = largestGroup(fitting(records, choice));
  const { dataset, zca, network } = own[0]!;
  const beside =
    axis === "ipc" && !zca && network.startsWith("convnet3")
      ? anchors.filter((anchor) => anchor.dataset === dataset)
      : [];
  const names = seriesOf(own, beside);
  return paperSvg((place) => accuracyChart(own, axis, beside, names, place), names);
}

function lossSvg({ runs }: ReportData): string {
  const curves = runs.flatMap(({ method, dataset, seed, curves: [loss] }) =>
    loss === undefined ? [] : [{ name: `${method} ${dataset} seed ${seed}`, curve: loss }],
  );
  if (curves.length === 0) throw new DataError("plot: wanted runs with steps, got none; name a run folder");
  return paperSvg((place) => curvesChart(curves, place), [...new Set(curves.map(({ name }) => name))]);
}

function fitting(records: readonly ReportRecord[], choice: PlotChoice): readonly ReportRecord[] {
  const found = records.filter(
    (record) =>
      (choice.dataset ?? record.dataset) === record.dataset &&
      (choice.network ?? record.network) === record.network &&
      (choice.protocol ?? record.protocol) === record.protocol,
  );
  if (found.length > 0) return found;
  throw new DataError(
    `plot: wanted records that fit ${JSON.stringify(choice)}, got none of ${records.length}`,
  );
}

/** The most records that compare: one data set, whitening, network and protocol. */
function largestGroup(records: readonly ReportRecord[]): readonly ReportRecord[] {
  const groups = new Map<string, ReportRecord[]>();
  for (const record of records) {
    const { dataset, zca, network, protocol } = record;
    const key = JSON.stringify([dataset, zca, network, protocol]);
    const own = groups.get(key);
    if (own === undefined) groups.set(key, [record]);
    else own.push(record);
  }
  return [...groups.values()].reduce((most, own) => (own.length > most.length ? own : most));
}
