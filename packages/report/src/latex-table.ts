import type { ReportRecord } from "./model.ts";

/**
 * Records as a LaTeX table (booktabs), sorted by data set, IPC, network and protocol; the best mean of a group is bold, and so is
 * every other that is within noise of it.
 */
export function latexTable(records: readonly ReportRecord[]): string {
  const rows = [...records]
    .sort((a, b) => compare(groupOf(a), groupOf(b)) || a.mean - b.mean)
    .map((record) => {
      const { zca, dataset, ipc, method, network, protocol, mean, std, accuracy, best, toBest } = record;
      const value = std === undefined ? mean.toFixed(1) : `${mean.toFixed(1)} \\pm ${std.toFixed(1)}`;
      const bold = best || toBest?.real === false;
      const cells = [zca ? `${dataset}, ZCA` : dataset, String(ipc), method, network, protocol].map(escaped);
      return [...cells, bold ? `$\\mathbf{${value}}$` : `$${value}$`, String(accuracy.length)].join(" & ");
    });
  return [
    "% needs \\usepackage{booktabs}",
    "\\begin{tabular}{lrlllrr}",
    "\\toprule",
    "Data set & IPC & Method & Network & Protocol & Accuracy, \\% & $n$ \\\\",
    "\\midrule",
    ...rows.map((row) => `${row} \\\\`),
    "\\bottomrule",
    "\\end{tabular}",
    "",
  ].join("\n");
}

const SPECIAL: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "{": "\\{",
  "}": "\\}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
};

/** Text as LaTeX shows it: no character of it is a command. */
function escaped(text: string): string {
  return text
    .replace(/[\\{}~^&%$#_]/g, (character) => SPECIAL[character] ?? `\\${character}`)
    .replace(/\s+/g, " ");
}

function groupOf({ dataset, zca, ipc, network, protocol }: ReportRecord): readonly (string | number)[] {
  return [dataset, zca ? 1 : 0, ipc, network, protocol];
}

function compare(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (const [i, x] of a.entries()) {
    if (x < b[i]!) return -1;
    if (x > b[i]!) return 1;
  }
  return 0;
}
