import { formatNested, markdownTable } from "@limbeck/benchmarks";
import { leaderboardRows } from "./leaderboard-rows.ts";
import type { LabelComparison, ReportData, Spread } from "./model.ts";
import { evaluateCommand } from "./repeat-command.ts";

/** Commands that a page of text repeats. */
const MOST_COMMANDS = 200;

/**
 * The report in words and tables, for places that show Markdown: leaderboard, hard and soft labels, and the commands that repeat
 * runs, sets and evaluations. Texts from files stand in code spans and blocks, which nothing in them can end.
 */
export function reportMarkdown(data: ReportData): string {
  const parts = [
    `# ${code(data.title)}`,
    `Made by Limbeck ${code(data.version)}, ${code(data.made)}.`,
    ...leaderboard(data),
    ...labelTables(data.labelComparisons),
    ...commands(data),
    ...problems(data),
  ];
  return `${parts.join("\n\n")}\n`;
}

function leaderboard(data: ReportData): string[] {
  const rows = leaderboardRows(data);
  if (rows.length === 0) return [];
  return [
    "## Leaderboard",
    "Accuracy on the real test split, %: mean ± standard deviation of fresh networks on one set (sets × networks). 95 %: half-width of the " +
      "confidence interval of the mean.",
    markdownTable(
      ["Data set", "IPC", "Network", "Protocol", "Method", "Accuracy, %", "95 %", "Bytes", "Distil, s"],
      rows.map(({ record, accuracy, bytes, seconds }) => [
        code(record.dataset) + (record.normalisation === "zca" ? ", ZCA" : ""),
        String(record.ipc),
        code(record.network),
        code(record.protocol),
        code(record.method),
        formatNested(accuracy),
        Number.isFinite(accuracy.halfWidth95) ? `± ${accuracy.halfWidth95.toFixed(1)}` : "–",
        String(bytes),
        String(Number(seconds.distill.toPrecision(3))),
      ]),
    ),
  ];
}

function labelTables(comparisons: readonly LabelComparison[]): string[] {
  if (comparisons.length === 0) return [];
  const name = ({ dataset, zca, ipc, method, network }: LabelComparison): string[] => [
    code(dataset) + (zca ? ", ZCA" : ""),
    String(ipc),
    code(method),
    code(network),
  ];
  const heads = ["Data set", "IPC", "Method", "Network"];
  const scored = comparisons.filter(({ scores }) => scores !== undefined);
  return [
    "## Hard and soft labels",
    "Accuracy, %, under the neutral protocols: condensed and random images, each with hard labels and with a teacher's.",
    markdownTable(
      [...heads, "Hard", "Teacher's", "Own", "Random, hard", "Random, teacher's", "Full data", "Missing"],
      comparisons.map((each) => [
        ...name(each),
        ...(["setHard", "setSoft", "setOwn", "randomHard", "randomSoft", "fullHard"] as const).map((cell) =>
          spreadText(each.cells[cell]),
        ),
        [...each.missing, ...each.missingForAugmentation].join("; ") || "–",
      ]),
    ),
    ...(scored.length === 0
      ? []
      : [
          "DD-Ranking's scores: HLR (smaller is better) and IOR in percentage points, LRS and ARS out of 100.",
          markdownTable(
            [...heads, "HLR", "IOR", "LRS", "ARS", "n"],
            scored.map((each) => [
              ...name(each),
              ...(["hlr", "ior", "lrs", "ars"] as const).map((score) => spreadText(each.scores![score])),
              String(each.scores!.lrs.n),
            ]),
          ),
        ]),
  ];
}

function spreadText(spread: Spread | undefined): string {
  if (spread === undefined) return "–";
  const { mean, std } = spread;
  return std === undefined ? mean.toFixed(1) : `${mean.toFixed(1)} ± ${std.toFixed(1)}`;
}

function commands({ runs, sets, records }: ReportData): string[] {
  const distil = [...new Set([...runs, ...sets].map(({ command }) => command))];
  const paths = new Map(sets.map(({ hash, path }) => [hash, path]));
  const evaluate = [
    ...new Set(
      records.flatMap((record) => {
        const path = paths.get(record.set);
        return path === undefined ? [] : [evaluateCommand(path, record)];
      }),
    ),
  ];
  return [
    ...(distil.length === 0 ? [] : ["## Distil again", block(distil)]),
    ...(evaluate.length === 0 ? [] : ["## Evaluate again", block(evaluate)]),
  ];
}

function problems({ problems: met }: ReportData): string[] {
  if (met.length === 0) return [];
  return [
    "## Could not be read",
    met.map(({ path, message }) => `- ${code(path)}: ${code(message)}`).join("\n"),
  ];
}

/** Text as a code span, also within a table: no markup, no link, no other writing direction, no end of its line. */
function code(text: string): string {
  const shown = visible(text).replace(/\s+/g, " ").trim() || "–";
  const fence = "`".repeat(longestRun(shown) + 1);
  const space = shown.startsWith("`") || shown.endsWith("`") ? " " : "";
  return `${fence}${space}${shown.replaceAll("|", "\\|")}${space}${fence}`;
}

function block(lines: readonly string[]): string {
  const shown = lines.slice(0, MOST_COMMANDS).map((line) => visible(line.replace(/\s*\n\s*/g, " ")));
  const rest = lines.length > MOST_COMMANDS ? [`# and ${lines.length - MOST_COMMANDS} more`] : [];
  const fence = "`".repeat(Math.max(3, longestRun(shown.join("\n")) + 1));
  return [`${fence}sh`, ...shown, ...rest, fence].join("\n");
}

/** Characters that nobody sees, or that turn the writing direction, become one that is seen. */
function visible(text: string): string {
  return text.replace(/[^\S\n]/gu, " ").replace(/(?!\n)[\p{Cc}\p{Cf}]/gu, "\uFFFD");
}

/** Length of the longest run of backticks. */
function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}
