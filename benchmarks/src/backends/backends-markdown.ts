import type { CaseKind } from "./backend-cases.ts";
import type { BackendColumn, BackendRow, BackendTable } from "./compare-backends.ts";

const KINDS: Readonly<Record<CaseKind, string>> = {
  first: "first derivatives",
  second: "second derivatives",
  step: "one step",
};

/** The table as markdown: one line a case, one column a back end beside `cpu`; what is too far off stands out. */
export function backendsMarkdown({ columns, rows, problems }: BackendTable): string {
  const others = columns.filter(({ backend }) => backend !== "cpu");
  const head = ["Case", "", "Allowed", ...others.map(({ backend }) => `\`${backend}\``)];
  const body = rows.map((row) => [
    row.name,
    KINDS[row.kind],
    row.tolerance.toExponential(0),
    ...others.map((each) => cell(row, each)),
  ]);
  const table = [head, head.map(() => "---"), ...body].map((line) => `| ${line.join(" | ")} |`).join("\n");
  const facts = columns.map(describe);
  const failures =
    problems.length === 0 ? [] : ["", "Problems:", "", ...problems.map((problem) => `- ${problem}`)];
  return [table, "", ...facts, ...failures].join("\n");
}

function cell({ tolerance, errors }: BackendRow, { backend }: BackendColumn): string {
  const error = errors[backend];
  if (error === undefined) return "–";
  if (typeof error !== "number") return "**failed**";
  const text = error === 0 ? "0" : error.toExponential(1);
  return error <= tolerance ? text : `**${text}**`;
}

function describe({ backend, version, device, reason, seconds }: BackendColumn): string {
  if (version === null) return `- \`${backend}\`: not there: ${reason}`;
  const end = reason === null ? "" : `; ${reason}`;
  return `- \`${backend}\`: ${version}, ${device}, ${seconds.toFixed(0)} s of processor time${end}`;
}

/** `text` with `table` between `<!-- backends:start -->` and `<!-- backends:end -->`; undefined where it has no such markers. */
export function withBackendsTable(text: string, table: string): string | undefined {
  const markers = /(<!-- backends:start -->\n)[\s\S]*?(<!-- backends:end -->)/;
  if (!markers.test(text)) return undefined;
  return text.replace(markers, (_, start: string, end: string) => `${start}\n${table}\n\n${end}`);
}
