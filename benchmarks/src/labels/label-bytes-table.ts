import type { EvaluationRecord } from "../records/record.ts";
import { markdownTable } from "../records/markdown-table.ts";
import { formatSummary } from "../statistics/summary.ts";
import { labelBytesSeries } from "./label-bytes-points.ts";

/** Records of labels as Markdown: a table for each set, student and protocol, one row a form, the heaviest labels first. */
export function labelBytesTable(records: readonly EvaluationRecord[]): string {
  return labelBytesSeries(records)
    .map(({ title, points }) => {
      const { bytes, precision, commit, date } = points[0]!.record;
      const rows = points.map(({ form, beside, accuracy, record }) => [
        form,
        String(record.bytes.labels),
        (record.bytes.labels / bytes.images).toPrecision(2),
        beside === "nothing" ? "–" : beside,
        formatSummary(accuracy),
      ]);
      const head = ["Form", "Bytes of labels", "Over those of the images", "Needed beside", "Accuracy, %"];
      const place = `${title}; images ${bytes.images} bytes; ${precision}, ${commit.slice(0, 7)}, ${date.slice(0, 10)}`;
      return `${place}:\n\n${markdownTable(head, rows)}`;
    })
    .join("\n\n");
}
