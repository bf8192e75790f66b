import { hasSeveralForms, labelBytesSeries, type LabelBytesSeries } from "../labels/label-bytes-points.ts";
import type { EvaluationRecord } from "../records/record.ts";
import { meanWithSpread, PERCENT } from "./accuracy-axis.ts";
import { vegaSvg } from "./vega-svg.ts";

/**
 * Accuracy over the bytes of labels, logarithmic: a panel for each set, student and protocol that has several forms, a point a form with
 * its standard deviation.
 */
export async function labelBytesPlot(records: readonly EvaluationRecord[]): Promise<string> {
  return vegaSvg({
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    columns: 2,
    concat: comparedSeries(records).map(({ title, points }) => ({
      title,
      width: 420,
      height: 280,
      data: {
        values: points.map(({ form, beside, accuracy, record }, rank) => ({
          form,
          rank,
          beside: beside === "nothing" ? "labels alone" : `needs the ${beside}`,
          bytes: record.bytes.labels,
          ...meanWithSpread(accuracy),
        })),
      },
      encoding: {
        x: {
          field: "bytes",
          type: "quantitative" as const,
          scale: { type: "log" as const, nice: true },
          title: "bytes of labels",
          axis: { format: "~s", tickCount: 5, grid: false },
        },
      },
      layer: [
        {
          mark: { type: "rule" as const, color: "#999" },
          encoding: { y: { ...PERCENT, field: "low" }, y2: { field: "high" } },
        },
        {
          mark: { type: "point" as const, filled: true, size: 60 },
          encoding: {
            y: { ...PERCENT, field: "mean" },
            shape: { field: "beside", type: "nominal" as const, title: null },
            color: { field: "beside", type: "nominal" as const, title: null },
          },
        },
        // Neighbours' names stand above and below their points in turn.
        ...[-9, 11].map((dy, parity) => ({
          transform: [{ filter: `datum.rank % 2 === ${parity}` }],
          mark: { type: "text" as const, align: "left" as const, dx: 5, dy },
          encoding: { y: { ...PERCENT, field: "mean" }, text: { field: "form" } },
        })),
      ],
    })),
  });
}

/** All, where none has several. */
function comparedSeries(records: readonly EvaluationRecord[]): readonly LabelBytesSeries[] {
  const series = labelBytesSeries(records);
  const compared = series.filter(hasSeveralForms);
  return compared.length === 0 ? series : compared;
}
