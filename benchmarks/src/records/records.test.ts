import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EvaluationRecord } from "./record.ts";
import { differingSettings } from "./differing-settings.ts";
import { appendRecord, readRecords } from "./record-file.ts";
import { publishedFor, readPublished } from "./published.ts";
import { recordsTable } from "./records-table.ts";

const record: EvaluationRecord = {
  method: "dm",
  dataset: "cifar10",
  ipc: 10,
  network: "convnet3",
  protocol: "dsa-v1",
  seeds: [0, 1],
  accuracy: [48.5, 49.5],
  config: { ipc: 10, iterations: 300 },
  set: "ab12",
  seconds: { distill: 10, evaluate: 3 },
  bytes: { images: 1, labels: 1, decoder: 0 },
  backend: "native",
  precision: "highest",
  commit: "0123456789abcdef",
  machine: "2 cores",
  date: "2026-01-02T03:04:05.000Z",
};

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "limbeck-records-"))));
afterEach(() => rmSync(folder, { recursive: true }));

test("exactly the keys of the design, in order", () => {
  const path = join(folder, "deep", "records.jsonl");
  appendRecord(path, record);
  const line = readFileSync(path, "utf8");
  expect(line.endsWith("\n")).toBe(true);
  expect(Object.keys(JSON.parse(line) as object).join(" ")).toBe(
    "method dataset ipc network protocol seeds accuracy config set seconds bytes backend precision commit machine date",
  );
});

test("appends, never overwrites, and survives a torn line", () => {
  const path = join(folder, "records.jsonl");
  appendRecord(path, record);
  appendFileSync(path, JSON.stringify(record).slice(0, 40));
  expect(readRecords(path)).toEqual([record]);
  appendRecord(path, { ...record, method: "datadam" });
  expect(readRecords(path).map(({ method }) => method)).toEqual(["dm", "datadam"]);
});

test("wrong records are refused, on writing and on reading", () => {
  const path = join(folder, "records.jsonl");
  expect(() => appendRecord(path, { ...record, accuracy: [50] })).toThrow(
    "accuracy must have one value per seed",
  );
  expect(() => appendRecord(path, { ...record, extra: 1 } as EvaluationRecord)).toThrow(
    'Unrecognized key: "extra"',
  );
  expect(() => readRecords(path)).toThrow("wanted a file of records");
  writeFileSync(path, '{"method":"dm"}\n');
  expect(() => readRecords(path)).toThrow(/records\.jsonl, line 1: /);
});

test("table, sorted within a group by accuracy", () => {
  const better = { ...record, method: "datadam", set: "b", accuracy: [54, 55] };
  expect(recordsTable([better, record])).toMatchInlineSnapshot(`
    "| Data set | IPC | Method | Iterations | Network | Protocol | Accuracy, % | Precision | Commit | Date |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | cifar10 | 10 | dm | 300 | convnet3 | dsa-v1 | 49.0 ± 0.7 (n = 2) | highest | 0123456 | 2026-01-02 |
    | cifar10 | 10 | datadam | 300 | convnet3 | dsa-v1 | 54.5 ± 0.7 (n = 2) | highest | 0123456 | 2026-01-02 |"
  `);
});

test("settings tell rows of one method apart; what a row lacks or no row changes is not told", () => {
  const with5 = { ...record, set: "5", config: { ...record.config, experts: 5, initialisation: "real" } };
  const with10 = { ...with5, set: "10", config: { ...with5.config, experts: 10, teacher: { epochs: 3 } } };
  expect(recordsTable([with5, with10, record, { ...with5, set: "m", method: "mtt" }])).toMatchInlineSnapshot(`
    "| Data set | IPC | Method | Iterations | Settings | Network | Protocol | Accuracy, % | Precision | Commit | Date |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | cifar10 | 10 | dm | 300 | experts 5 | convnet3 | dsa-v1 | 49.0 ± 0.7 (n = 2) | highest | 0123456 | 2026-01-02 |
    | cifar10 | 10 | dm | 300 | experts 10 | convnet3 | dsa-v1 | 49.0 ± 0.7 (n = 2) | highest | 0123456 | 2026-01-02 |
    | cifar10 | 10 | dm | 300 |  | convnet3 | dsa-v1 | 49.0 ± 0.7 (n = 2) | highest | 0123456 | 2026-01-02 |
    | cifar10 | 10 | mtt | 300 |  | convnet3 | dsa-v1 | 49.0 ± 0.7 (n = 2) | highest | 0123456 | 2026-01-02 |"
  `);
});

test("a set's evaluations under one protocol are one row, that of the most networks", () => {
  const more = { ...record, seeds: [0, 1, 2], accuracy: [50, 51, 52] };
  const table = recordsTable([record, more, { ...record, commit: "f".repeat(40) }]);
  expect(table.split("\n").slice(2)).toEqual([expect.stringContaining("51.0 ± 1.0 (n = 3)")]);
  expect(recordsTable([record, { ...record, protocol: "dc-v1" }]).split("\n")).toHaveLength(4);
});

test("published accuracies stand beside ours on the papers' network, and nowhere else", () => {
  const path = join(folder, "published.yaml");
  writeFileSync(path, "- { method: dm, dataset: cifar10, source: a paper, accuracy: { 10: 48.9 ± 0.6 } }");
  const published = readPublished(path);
  const cells = (changed: Partial<EvaluationRecord>): string =>
    recordsTable([record, { ...record, set: "b", ...changed }], published)
      .split("\n")
      .at(-1)!;
  expect(cells({ accuracy: [60, 61] })).toContain("| 48.9 ± 0.6 |");
  for (const changed of [{ network: "mlp" }, { ipc: 50 }, { method: "zz" }, { dataset: "zz" }]) {
    expect(cells(changed)).not.toContain("48.9");
  }
  writeFileSync(path, "- { method: dm, dataset: cifar10, source: a paper, accuracy: { 10: about 49 } }");
  expect(() => readPublished(path)).toThrow(/published\.yaml: wanted published accuracies, got/);
});

test("the repository's published accuracies can be read", () => {
  const published = readPublished(join(import.meta.dirname, "../../records/published.yaml"));
  expect(publishedFor({ ...record, method: "dc", ipc: 1 }, published)).toBe("28.3 ± 0.5");
});

test("an option that came later has its default in older records", () => {
  const older = record.config;
  const dm = { ...record, method: "dm" };
  const settings = differingSettings([
    { ...dm, config: older },
    { ...dm, config: { ...older, imageRateHalfLife: "none" } },
    { ...dm, config: { ...older, imageRateHalfLife: 150 } },
  ]);
  expect(settings).toEqual(["imageRateHalfLife none", "imageRateHalfLife none", "imageRateHalfLife 150"]);
  expect(
    differingSettings([
      { ...dm, config: older },
      { ...dm, config: { ...older, imageRateHalfLife: "none" } },
    ]),
  ).toEqual(["", ""]);
});
