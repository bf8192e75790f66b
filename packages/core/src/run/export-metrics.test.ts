import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../engine/engine.ts";
import { DataError } from "../errors.ts";
import { toyDataset } from "../testing/toy-dataset.ts";
import { toyMethod } from "../testing/toy-method.ts";
import { distill } from "./distill.ts";
import { readEvents } from "./event-log.ts";
import { exportMetrics, exportTensorboard } from "./export-metrics.ts";
import { metricLines, type RunMetric } from "./run-metrics.ts";

const root = mkdtempSync(join(tmpdir(), "limbeck-metrics-"));
const folder = join(root, "run");
beforeAll(async () => {
  await useBackend("cpu");
  await distill(toyMethod, toyDataset(), { config: { ipc: 1, iterations: 3 }, seed: 5, directory: folder })
    .result;
});
afterAll(() => rmSync(root, { recursive: true }));

const accuracy: RunMetric = {
  run: "run",
  step: 3,
  split: "test",
  metric: "accuracy/mlp/dc-v1",
  value: 0.5,
  seed: 0,
  wall: 7,
  elapsed: 2,
};

describe("exportMetrics", () => {
  it("writes each number of each step with its time", () => {
    const path = join(root, "metrics.jsonl");
    exportMetrics(folder, path, [accuracy]);
    const lines = readFileSync(path, "utf8").trim().split("\n");
    const metrics = lines.map((line) => JSON.parse(line) as RunMetric);
    const steps = readEvents(join(folder, "events.jsonl")).filter((event) => event.kind === "step");
    expect(metrics.map(({ step, metric }) => `${step} ${metric}`)).toEqual([
      ...[1, 2, 3].flatMap((step) => ["loss", "seconds", "bytes"].map((metric) => `${step} ${metric}`)),
      "3 accuracy/mlp/dc-v1",
    ]);
    const last = metrics[6]!;
    expect(last).toMatchObject({ run: "run", split: "train", seed: 5, value: steps[2]!.loss });
    expect(last.wall).toBe(Date.parse(steps[2]!.time) / 1000);
    expect(last.elapsed).toBeCloseTo(steps.reduce((sum, { seconds }) => sum + seconds, 0));
  });

  it("writes no number that JSON does not have", () => {
    expect(metricLines([{ ...accuracy, value: NaN }])).toContain('"value":null');
  });

  it("refuses what is no run", () => {
    expect(() => exportMetrics(root, join(root, "none"))).toThrow(DataError);
  });
});

describe("exportTensorboard", () => {
  it("writes one file with every metric and the picture, under the same name again", () => {
    const out = join(root, "board");
    const path = exportTensorboard(folder, out, [accuracy]);
    expect(exportTensorboard(folder, out, [accuracy])).toBe(path);
    expect(readdirSync(out)).toEqual([expect.stringMatching(/^events\.out\.tfevents\.\d{10}\.limbeck$/)]);
    const file = readFileSync(path);
    const records: Buffer[] = [];
    for (let at = 0; at < file.length; at += 16 + Number(file.readBigUInt64LE(at))) {
      records.push(file.subarray(at + 12, at + 12 + Number(file.readBigUInt64LE(at))));
    }
    // The version, three metrics of three steps, the accuracy, the picture.
    expect(records).toHaveLength(1 + 9 + 1 + 1);
    expect(records.filter((record) => record.includes("loss"))).toHaveLength(3);
    expect(records.at(-1)!.includes(readFileSync(join(folder, "preview.png")))).toBe(true);
  });
});
