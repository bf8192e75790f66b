import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { leaderboardCsv } from "./leaderboard-csv.ts";
import { reportMarkdown } from "./report-markdown.ts";
import {
  collectToy,
  HOSTILE,
  neutralRecords,
  recordLine,
  RIGHT_TO_LEFT,
  temporaryFolder,
} from "./testing/report-folder.ts";
import { writeTables } from "./write-tables.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => void (folder = temporaryFolder()));
afterEach(() => folder.remove());

const at = (...names: string[]): string => join(folder.path, ...names);

test("one row for records that differ in seeds alone: mean, spread, interval, bytes, seconds, commits", async () => {
  writeFileSync(
    at("r.jsonl"),
    [
      recordLine({ accuracy: [50, 51, 52] }),
      recordLine({ seed: 1, accuracy: [54, 55, 56], commit: "beef", seconds: { distill: 20, evaluate: 5 } }),
      recordLine({ method: "dc", seeds: [0], accuracy: [60], labels: "soft" }),
    ].join(""),
  );
  const [head, ...rows] = leaderboardCsv(await collectToy(folder.path))
    .trimEnd()
    .split("\r\n");
  expect(head).toBe(
    "method,dataset,normalisation,ipc,labels,network,protocol,precision,sets,n,accuracy_mean,accuracy_std," +
      "accuracy_std_between_sets,accuracy_ci95_half_width,bytes,distill_seconds,evaluate_seconds,commit,set",
  );
  // Two sets of means 51 and 55: √8 between them, t(0.975, 1)·√8/√2 around them.
  expect(rows).toEqual([
    "dc,toy,mean-std,2,soft,convnet3,dsa-v1,highest,1,1,60,,,,486,10,3,0123456789abcdef,ab12",
    "dm,toy,mean-std,2,,convnet3,dsa-v1,highest,2,6,53,1,2.8284271,25.412409,486,15,4,0123456789abcdef beef,ab12",
  ]);
});

test("no name is a formula, another row or another cell", async () => {
  const names = [
    '=HYPERLINK("http://x","y")',
    "+1",
    "-1",
    "@SUM(1)",
    "\t=1",
    " =1",
    "＝1",
    "a,b",
    'c"d',
    "e\nf",
  ];
  writeFileSync(at("r.jsonl"), names.map((method, i) => recordLine({ method, set: String(i) })).join(""));
  const rows = leaderboardCsv(await collectToy(folder.path))
    .trimEnd()
    .split("\r\n")
    .slice(1);
  expect(rows.map((row) => row.slice(0, row.indexOf(",toy,"))).sort()).toEqual(
    [
      `"'=HYPERLINK(""http://x"",""y"")"`,
      "'+1",
      "'-1",
      "'@SUM(1)",
      "' =1",
      "' =1",
      "'＝1",
      '"a,b"',
      '"c""d"',
      "e f",
    ].sort(),
  );
});

test("Markdown: leaderboard, labels and scores, commands", async () => {
  writeFileSync(at("r.jsonl"), recordLine() + neutralRecords());
  const text = reportMarkdown(await collectToy(folder.path));
  expect(text).toMatchInlineSnapshot(`
    "# \`Toy report\`

    Made by Limbeck \`0.1.0\`, \`2026-01-02T03:04:05.000Z\`.

    ## Leaderboard

    Accuracy on the real test split, %: mean ± standard deviation of fresh networks on one set (sets × networks). 95 %: half-width of the confidence interval of the mean.

    | Data set | IPC | Network | Protocol | Method | Accuracy, % | 95 % | Bytes | Distil, s |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | \`toy\` | 2 | \`convnet3\` | \`dsa-v1\` | \`dm\` | 51.0 ± 1.0 (1 × 3) | ± 2.5 | 486 | 10 |
    | \`toy\` | 2 | \`convnet3\` | \`neutral-hard-v1\` | \`dm\` | 49.0 ± 1.4 (1 × 2) | ± 12.7 | 486 | 10 |
    | \`toy\` | 2 | \`convnet3\` | \`neutral-hard-v1\` | \`random\` | 32.0 ± 1.4 (1 × 2) | ± 12.7 | 486 | 10 |
    | \`toy\` | 2 | \`convnet3\` | \`neutral-plain-v1\` | \`dm\` | 42.0 ± 2.8 (1 × 2) | ± 25.4 | 486 | 10 |
    | \`toy\` | 2 | \`convnet3\` | \`neutral-soft-plain-v1\` | \`random\` | 36.0 ± 1.4 (1 × 2) | ± 12.7 | 486 | 10 |
    | \`toy\` | 2 | \`convnet3\` | \`neutral-soft-v1\` | \`dm\` | 59.0 ± 1.4 (1 × 2) | ± 12.7 | 486 | 10 |
    | \`toy\` | 2 | \`convnet3\` | \`neutral-soft-v1\` | \`random\` | 46.0 ± 1.4 (1 × 2) | ± 12.7 | 486 | 10 |
    | \`toy\` | 2 | \`convnet3\` | \`neutral-v1\` | \`dm\` | 61.0 ± 1.4 (1 × 2) | ± 12.7 | 486 | 10 |
    | \`toy\` | 2 | \`convnet3\` | \`neutral-v1\` | \`random\` | 31.0 ± 0.0 (1 × 2) | ± 0.0 | 486 | 10 |
    | \`toy\` | 5000 | \`convnet3\` | \`neutral-hard-v1\` | \`full\` | 85.0 ± 1.4 (1 × 2) | ± 12.7 | 486 | 10 |

    ## Hard and soft labels

    Accuracy, %, under the neutral protocols: condensed and random images, each with hard labels and with a teacher's.

    | Data set | IPC | Method | Network | Hard | Teacher's | Own | Random, hard | Random, teacher's | Full data | Missing |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | \`toy\` | 2 | \`dm\` | \`convnet3\` | 49.0 ± 1.4 | 59.0 ± 1.4 | 61.0 ± 1.4 | 32.0 ± 1.4 | 46.0 ± 1.4 | 85.0 ± 1.4 | – |

    DD-Ranking's scores: HLR (smaller is better) and IOR in percentage points, LRS and ARS out of 100.

    | Data set | IPC | Method | Network | HLR | IOR | LRS | ARS | n |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | \`toy\` | 2 | \`dm\` | \`convnet3\` | 36.0 ± 2.8 | 15.0 ± 0.0 | 22.7 ± 0.5 | 31.6 ± 0.3 | 2 |
    "
  `);
});

test("hostile names stay within their code spans", async () => {
  const names = [
    HOSTILE,
    RIGHT_TO_LEFT,
    "`` a ` | b",
    "|",
    "`",
    "www.x.example @me [a](b) ![c](d)",
    "a\n# b",
  ];
  writeFileSync(at("r.jsonl"), names.map((method) => recordLine({ method })).join(""));
  const text = reportMarkdown(await collectToy(folder.path, { title: HOSTILE }));
  // What is left without the spans is the report's own.
  const own = text.replace(/(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)/g, "");
  expect(own).not.toMatch(/script|img|www|http|\[|@|example/);
  expect(text).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
  const table = text.split("\n").filter((line) => line.startsWith("|"));
  expect(table).toHaveLength(names.length + 2);
  expect(new Set(table.map((line) => line.match(/(?<!\\)\|/g)!.length))).toEqual(new Set([10]));
  expect(text.match(/^#+ .*$/gm)).toHaveLength(2);
});

test("both lie beside the page", async () => {
  writeFileSync(at("r.jsonl"), recordLine());
  const data = await collectToy(folder.path);
  expect(writeTables(data, at("page", "x.html"))).toEqual([
    at("page", "report.md"),
    at("page", "leaderboard.csv"),
  ]);
  expect(existsSync(at("page", "report.md"))).toBe(true);
  expect(readFileSync(at("page", "leaderboard.csv"), "utf8")).toBe(leaderboardCsv(data));
});
