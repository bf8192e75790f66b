import { expect, test } from "vitest";
import type { EvaluationRecord } from "../records/record.ts";
import { fairScores, fairTable } from "./fair-table.ts";
import { labelGrids } from "./label-grid.ts";
import { labelRobustScore } from "./fair-scores.ts";
import { scoreTable } from "./score-table.ts";
import { transferTable } from "./transfer-table.ts";

const base: EvaluationRecord = {
  method: "dm",
  dataset: "cifar10",
  ipc: 10,
  seed: 0,
  labels: "hard",
  network: "convnet3",
  protocol: "dsa-v1",
  seeds: [0, 1],
  accuracy: [48, 49],
  config: { ipc: 10, iterations: 300 },
  set: "ab12",
  seconds: { distill: 10, evaluate: 3 },
  bytes: { images: 1_228_800, labels: 100, decoder: 0 },
  backend: "native",
  precision: "highest",
  commit: "0123456789abcdef",
  machine: "2 cores",
  date: "2026-01-02T03:04:05.000Z",
};
const record = (change: Partial<EvaluationRecord>): EvaluationRecord => ({ ...base, ...change });
const random = { method: "random", config: { ipc: 10 } };

test("one row a method, sets as the unit of repetition, and what is not significant shown as such", () => {
  const records = [
    record({ seed: 0, accuracy: [48, 49] }),
    record({ seed: 1, accuracy: [47, 48], seconds: { distill: 20, evaluate: 3 } }),
    record({ seed: 2, accuracy: [48.5, 49.5] }),
    record({ ...random, seed: 0, accuracy: [30, 32] }),
    record({ ...random, seed: 1, accuracy: [31, 31] }),
    record({ ...random, seed: 2, accuracy: [33, 31] }),
    record({ method: "dc", seed: 0, accuracy: [30.5, 35] }),
    record({ method: "dc", protocol: "dc-v1" }),
  ];
  const size = { classes: 10, shape: [32, 32, 3], train: 50_000 } as const;
  expect(scoreTable(records, (name) => (name === "cifar10" ? size : undefined))).toMatchInlineSnapshot(`
    "| Data set | IPC | Method | Iterations | Network | Protocol | Accuracy, % | Above random | Bytes | IPC of equal bytes | Part of the real set | Distil, s | Evaluate, s |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | cifar10 | 10 | random | – | convnet3 | dsa-v1 | 31.3 ± 1.2 (3 × 2, between sets 0.6) | – | 1228900 | 40 | 0.8 % | 10 | 3 |
    | cifar10 | 10 | dc | 300 | convnet3 | dsa-v1 | 32.8 ± 3.2 (1 × 2) | +1.8 ± 15.9 (n.s., p = 0.395) | 1228900 | 40 | 0.8 % | 10 | 3 |
    | cifar10 | 10 | dm | 300 | convnet3 | dsa-v1 | 48.3 ± 0.7 (3 × 2, between sets 0.8) | +17.0 ± 1.2 (p < 0.001) | 1228900 | 40 | 0.8 % | 13 | 3 |
    | cifar10 | 10 | dc | 300 | convnet3 | dc-v1 | 48.5 ± 0.7 (1 × 2) | – | 1228900 | 40 | 0.8 % | 10 | 3 |"
  `);
});

test("fair scores take each repetition by itself, and label random images as the set is", () => {
  const percent = { own: [60, 62], hard: [50, 48], soft: [58, 60], plain: [40, 44], softPlain: [41, 45] };
  const drawn = { own: [31, 31], hard: [31, 33], soft: [45, 47], plain: [25, 25], softPlain: [35, 37] };
  const id = { own: "", hard: "-hard", soft: "-soft", plain: "-plain", softPlain: "-soft-plain" };
  const parts = Object.keys(id) as (keyof typeof id)[];
  const records = parts.flatMap((part) => [
    record({ labels: "soft", protocol: `neutral${id[part]}-v1`, accuracy: percent[part] }),
    record({ ...random, protocol: `neutral${id[part]}-v1`, accuracy: drawn[part] }),
  ]);
  const full = record({
    method: "full",
    config: {},
    ipc: 5000,
    protocol: "neutral-hard-e20-v1",
    accuracy: [84, 86],
  });
  expect(fairScores(records)).toEqual([]);
  expect(fairTable(records)).toBe("");
  const [scores, ...others] = fairScores([...records, full]);
  expect(others).toEqual([]);
  expect(scores!.accuracies).toEqual({
    setHard: 49,
    setSoft: 59,
    randomHard: 32,
    randomSoft: 46,
    fullHard: 85,
  });
  const lrs = [
    { realHard: 0.84, setHard: 0.5, setOwn: 0.6, randomOwn: 0.45 },
    { realHard: 0.86, setHard: 0.48, setOwn: 0.62, randomOwn: 0.47 },
  ].map((one) => 100 * labelRobustScore(one));
  expect(scores!.labelRobust.mean).toBeCloseTo((lrs[0]! + lrs[1]!) / 2, 10);
  expect(scores!.hardLabelRecovery.mean).toBeCloseTo(36, 10);
  expect(scores!.improvementOverRandom.mean).toBeCloseTo(15, 10);
  // β = ½·0.15 + ½·0.05 and ½·0.15 + ½·0.07.
  const ars = [0.1, 0.11].map((b) => (100 * (Math.exp(b) - Math.exp(-1))) / (Math.E - Math.exp(-1)));
  expect(scores!.augmentationRobust!.mean).toBeCloseTo((ars[0]! + ars[1]!) / 2, 10);
  const hard = records.map((each) => ({ ...each, labels: "hard" }));
  expect(fairScores([...hard, full])[0]!.improvementOverRandom.mean).toBeCloseTo(29, 10);
  expect(fairTable([...records, full])).toMatchInlineSnapshot(`
    "| Data set | IPC | Method | Network | Hard labels | Teacher's labels | Random, hard | Random, teacher's | Full data | HLR | IOR | LRS | ARS | n |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | cifar10 | 10 | dm | convnet3 | 49.0 | 59.0 | 32.0 | 46.0 | 85.0 | 36.0 ± 2.8 | 15.0 ± 0.0 | 22.7 ± 0.5 | 31.6 ± 0.3 | 2 |"
  `);
});

test("the two-by-two shows what was measured, and names what scores still need", () => {
  const grid = [
    record({ labels: "soft", protocol: "neutral-hard-v1", seed: 0, accuracy: [50, 48] }),
    record({ labels: "soft", protocol: "neutral-hard-v1", seed: 1, accuracy: [52, 54] }),
    record({ labels: "soft", protocol: "neutral-soft-v1", accuracy: [58, 60] }),
    record({ ...random, protocol: "neutral-soft-v1", accuracy: [45, 47] }),
    record({ ...random, protocol: "neutral-soft-v1", ipc: 1, accuracy: [12, 13] }),
    record({ method: "dc", protocol: "dsa-v1" }),
  ];
  const [set, ...others] = labelGrids(grid);
  expect(others).toEqual([]);
  expect(Object.keys(set!.cells)).toEqual(["setHard", "setSoft", "randomSoft"]);
  // By the sets' means, 49 and 53: t(0.975, 1)·√8/√2.
  expect(set!.cells.setHard).toMatchObject({ mean: 51, sets: 2, n: 4 });
  expect(set!.cells.setHard!.halfWidth95).toBeCloseTo(12.706205 * 2, 4);
  expect(set!.cells.randomSoft!.mean).toBe(46);
  expect(set!.scores).toBeUndefined();
  expect(set!.missing).toEqual([
    { of: "set", protocol: "neutral-v1", onlyAugmentation: false },
    { of: "random", protocol: "neutral-hard-v1", onlyAugmentation: false },
    { of: "full", protocol: "neutral-hard-v1", onlyAugmentation: false },
    { of: "set", protocol: "neutral-plain-v1", onlyAugmentation: true },
    { of: "random", protocol: "neutral-soft-plain-v1", onlyAugmentation: true },
  ]);
  // What only the real data lack is there but for them.
  const rest = [
    record({ labels: "soft", protocol: "neutral-v1", accuracy: [60, 62] }),
    record({ ...random, protocol: "neutral-hard-v1", accuracy: [31, 33] }),
    record({ method: "full", config: {}, ipc: 5000, protocol: "neutral-hard-v1", accuracy: [84, 86] }),
  ];
  const [scored] = labelGrids([...grid, ...rest]);
  expect(scored!.scores).toEqual(fairScores([...grid, ...rest])[0]);
  expect(scored!.missing.every(({ onlyAugmentation }) => onlyAugmentation)).toBe(true);
});

test("transfer where a set was scored with its own network and others", () => {
  const own = { config: { ipc: 10, network: "convnet3" } };
  const records = [
    record({ ...own, accuracy: [50, 52] }),
    record({ ...own, network: "mlp", accuracy: [25, 27] }),
    record({ ...own, network: "vgg11", accuracy: [40, 40] }),
    record({ ...random, accuracy: [30, 32] }),
    record({ ...random, network: "mlp", accuracy: [28, 28] }),
  ];
  expect(transferTable(records)).toMatchInlineSnapshot(`
    "| Data set | IPC | Method | Protocol | Made with | Mean | Worst | Others / own | Above random |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | cifar10 | 10 | dm | dsa-v1 | convnet3 | 38.5 | 26.0 (mlp) | 0.51 | convnet3 +20.0, mlp −2.0 |"
  `);
  expect(transferTable(records.slice(0, 3))).toBe("");
});
