import { expect, test } from "vitest";
import { readRecords } from "../records/record-file.ts";
import { readPublished } from "../records/published.ts";
import type { EvaluationRecord } from "../records/record.ts";
import { accuracyUpdatesPlot, updatesPanels } from "./accuracy-updates.ts";

const RECORDS = new URL("../../records/", import.meta.url).pathname;
const published = readPublished(`${RECORDS}published.yaml`);
const [first] = readRecords(`${RECORDS}accuracy.jsonl`);
const record = (iterations: number, changes: Partial<EvaluationRecord> = {}): EvaluationRecord => ({
  ...first!,
  method: "dm",
  dataset: "cifar10",
  ipc: 10,
  network: "convnet3",
  protocol: "dsa-v1",
  seeds: [0, 1],
  accuracy: [46, 48],
  ...changes,
  config: { ipc: 10, iterations, ...changes.config },
});

test("a panel a question, a line a setting, the fullest record of each point", () => {
  const faster = { imageLearningRate: 10 };
  const panels = updatesPanels(
    [
      record(100),
      record(1000, { accuracy: [48, 50] }),
      record(1000, { accuracy: [49], seeds: [0] }),
      record(100, { config: faster }),
      record(100, { protocol: "neutral-v1" }),
      record(100, { network: "vgg11", accuracy: [30], seeds: [0] }),
      record(300, { network: "vgg11", accuracy: [31], seeds: [0] }),
      // No updates, no curve.
      { ...record(100, { method: "random" }), config: { ipc: 10 } },
    ],
    published,
  );
  expect(panels).toEqual([
    {
      title: "dm, cifar10, IPC 10, convnet3, dsa-v1",
      published: 48.9,
      points: [
        { settings: "imageLearningRate 1", updates: 100, mean: 47, std: Math.SQRT2 },
        { settings: "imageLearningRate 1", updates: 1000, mean: 49, std: Math.SQRT2 },
        { settings: "imageLearningRate 10", updates: 100, mean: 47, std: Math.SQRT2 },
      ],
    },
    {
      title: "dm, cifar10, IPC 10, vgg11, dsa-v1",
      points: [
        { settings: "", updates: 100, mean: 30, std: NaN },
        { settings: "", updates: 300, mean: 31, std: NaN },
      ],
    },
  ]);
});

test("the picture names what tells its lines apart, and marks the published level", async () => {
  const svg = await accuracyUpdatesPlot(
    [record(100), record(1000), record(100, { config: { imageLearningRate: 10 } })],
    published,
  );
  expect(svg).toMatch(/^<svg/);
  expect(svg).toContain("imageLearningRate 10");
  expect(svg).toContain('stroke-dasharray="4,4"');
  const plain = await accuracyUpdatesPlot([record(100, { ipc: 7 }), record(1000, { ipc: 7 })], published);
  expect(plain).not.toContain("stroke-dasharray");
});
