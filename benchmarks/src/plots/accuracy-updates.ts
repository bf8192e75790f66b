import { differingSettings } from "../records/differing-settings.ts";
import { fullestRecords } from "../records/fullest-records.ts";
import { publishedFor, type PublishedAccuracies } from "../records/published.ts";
import type { EvaluationRecord } from "../records/record.ts";
import { summarise } from "../statistics/summary.ts";
import { meanWithSpread, PERCENT } from "./accuracy-axis.ts";
import { vegaSvg } from "./vega-svg.ts";

/** One score on the way of a run, or of runs that differ in their length alone. */
export interface UpdatesPoint {
  /** What tells the run from others of its panel; empty where there is one way alone. */
  readonly settings: string;
  readonly updates: number;
  /** Percent. */
  readonly mean: number;
  /** Sample standard deviation over networks; NaN for one. */
  readonly std: number;
}

/** Runs of one method on one data set that were scored alike. */
export interface UpdatesPanel {
  readonly title: string;
  readonly points: readonly UpdatesPoint[];
  /** Percent, where a paper reports it. */
  readonly published?: number;
}

/**
 * Accuracy by number of updates: a panel for each method, data set, IPC, network and protocol that was scored after different numbers.
 * Of several records of the same settings and updates, the one of most networks counts.
 */
export function updatesPanels(
  records: readonly EvaluationRecord[],
  published: PublishedAccuracies,
): UpdatesPanel[] {
  const panels = new Map<string, EvaluationRecord[]>();
  for (const record of records.filter((each) => updatesOf(each) >= 1)) {
    const { method, dataset, normalisation, ipc, network, protocol } = record;
    const data = normalisation === "zca" ? `${dataset} with ZCA` : dataset;
    const title = `${method}, ${data}, IPC ${ipc}, ${network}, ${protocol}`;
    panels.set(title, [...(panels.get(title) ?? []), record]);
  }
  return [...panels].flatMap(([title, all]) => {
    const settings = new Map(differingSettings(all).map((told, i) => [all[i]!, told]));
    const own = fullestRecords(all, (record) => `${updatesOf(record)} ${settings.get(record)!}`);
    if (new Set(own.map(updatesOf)).size < 2) return [];
    const points = own.map((record) => {
      const { mean, std } = summarise(record.accuracy);
      return { settings: settings.get(record)!, updates: updatesOf(record), mean, std };
    });
    const reported = Number.parseFloat(publishedFor(own[0]!, published) ?? "");
    return [{ title, points, ...(Number.isFinite(reported) && { published: reported }) }];
  });
}

function updatesOf({ config }: EvaluationRecord): number {
  return Number(config["iterations"]);
}

/** {@link updatesPanels} as SVG: updates on a logarithm, a line for each way to make the set, dashed what the paper reports. */
export async function accuracyUpdatesPlot(
  records: readonly EvaluationRecord[],
  published: PublishedAccuracies,
): Promise<string> {
  return vegaSvg({
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    columns: 2,
    config: { legend: { labelLimit: 0 } },
    resolve: { scale: { color: "independent", shape: "independent" } },
    concat: updatesPanels(records, published).map((panel) => ({
      title: panel.title,
      width: 400,
      height: 220,
      data: {
        values: panel.points.map((point) => ({ ...point, ...meanWithSpread(point) })),
      },
      layer: [
        {
          mark: { type: "rule" as const, color: "#999" },
          encoding: { x: UPDATES, y: { ...PERCENT, field: "low" }, y2: { field: "high" } },
        },
        {
          mark: { type: "line" as const, point: { filled: true, size: 50 } },
          encoding: {
            x: UPDATES,
            y: { ...PERCENT, field: "mean" },
            color: {
              field: "settings",
              type: "nominal" as const,
              title: null,
              legend: panel.points.every(({ settings }) => settings === "")
                ? null
                : { orient: "bottom" as const, columns: 1 },
            },
          },
        },
        ...(panel.published === undefined
          ? []
          : [
              {
                mark: { type: "rule" as const, strokeDash: [4, 4], color: "#d55e00" },
                encoding: { y: { datum: panel.published, type: "quantitative" as const } },
              },
            ]),
      ],
    })),
  });
}

const UPDATES = {
  field: "updates",
  type: "quantitative" as const,
  title: "updates of the images",
  scale: { type: "log" as const, nice: true },
  axis: { format: "~s", tickCount: 5, grid: false },
};
