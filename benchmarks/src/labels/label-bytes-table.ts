import type { EvaluationRecord } from "../records/record.ts";
import { markdownTable } from "../records/markdown-table.ts";
import { formatSummary } from "../statistics/summary.ts";
import {
  hasSeveralForms,
  labelBytesSeries,
  type LabelBytesPoint,
  type LabelBytesSeries,
} from "./label-bytes-points.ts";

/**
 * Records of labels as Markdown: a table for each set, student and protocol that has several forms, one row a form, the heaviest labels
 * first; then one of all that have a single form.
 */
export function labelBytesTable(records: readonly EvaluationRecord[]): string {
  const series = labelBytesSeries(records);
  const compared = series.filter(hasSeveralForms);
  const alone = series.filter((each) => !hasSeveralForms(each)).flatMap(({ points }) => points);
  return [...compared.map(formsTable), ...(alone.length === 0 ? [] : [setsTable(alone)])].join("\n\n");
}

function formsTable({ title, points }: LabelBytesSeries): string {
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
}

function setsTable(points: readonly LabelBytesPoint[]): string {
  const rows = points.map(({ form, accuracy, record }) => [
    record.dataset,
    String(record.ipc),
    record.method,
    teacherOf(record),
    record.network,
    record.protocol,
    form,
    String(record.bytes.labels),
    formatSummary(accuracy),
    `${record.precision}, ${record.commit.slice(0, 7)}, ${record.date.slice(0, 10)}`,
  ]);
  const head = [
    ...["Data set", "IPC", "Images", "Made with", "Student", "Protocol", "Form", "Bytes of labels"],
    ...["Accuracy, %", "Precision, commit, date"],
  ];
  return `One form of labels alone:\n\n${markdownTable(head, rows)}`;
}

/** Network of the teacher that the images were recovered from or chosen by. */
function teacherOf({ config }: EvaluationRecord): string {
  const { teacher, teachers } = config as {
    teacher?: { network?: string };
    teachers?: readonly { network?: string }[];
  };
  const networks = (teachers ?? [teacher]).flatMap((each) => each?.network ?? []);
  return networks.join(", ") || "–";
}
