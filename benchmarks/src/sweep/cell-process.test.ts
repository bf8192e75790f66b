import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { useBackend } from "@limbeck/core";
import { openDataset } from "@limbeck/datasets";
import { expect, onTestFinished, test } from "vitest";
import { methods } from "../methods.gen.ts";
import type { EvaluationRecord } from "../records/record.ts";
import { createCellRunner } from "./cell-runner.ts";
import { createProcessRunner } from "./cell-process.ts";
import { readSweepFile } from "./read-sweep-file.ts";
import { runSweep } from "./run-sweep.ts";
import { planSweep } from "./sweep-plan.ts";

const TSX = ["--import", import.meta.resolve("tsx")];

test("cells in processes of their own, two at a time, have the outcomes of one process", async () => {
  const root = mkdtempSync(join(tmpdir(), "limbeck-cells-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const file = join(root, "sweep.yaml");
  // The second diverges.
  writeFileSync(
    file,
    `
evaluate: { networks: convnet1-w8, protocols: dc-e3-v1, seeds: 0-1 }
grid:
  methods: [random, { method: dm, preset: sample, config: { imageLearningRate: 1.0e+38, iterations: 5 } }]
  datasets: fashion-mnist
  ipc: 1
`,
  );
  const { backend, precision, threads } = await useBackend("auto", { threads: 1 });
  const catalogue = { methods, openDataset: (name: string) => openDataset(name) };
  const plan = await planSweep(await readSweepFile(file), catalogue, { backend, precision, threads });
  const folder = join(root, "processes");
  const apart = await runSweep(plan, {
    folder,
    jobs: 2,
    runner: (places) => createProcessRunner({ ...places, store: folder }, TSX),
  });
  const together = await runSweep(plan, {
    folder: join(root, "one"),
    runner: (places) => createCellRunner({ catalogue, ...places }),
  });
  expect(apart.records.map(lasting)).toEqual(together.records.map(lasting));
  expect(apart.failed.map(({ message }) => message)).toEqual(
    together.failed.map(({ message }) => message.replaceAll(join(root, "one"), folder)),
  );
  expect(apart.records).toHaveLength(1);

  const cell = plan.groups[0]!.evaluate[0]!;
  const places = { store: join(root, "empty"), work: join(root, "work"), prepared: join(root, "prepared") };
  await expect(createProcessRunner(places, TSX)(cell)).rejects.toThrow(
    /is not in the store; run its distillation first/,
  );
  const crashing = createProcessRunner(places, ["--no-such-option"]);
  await expect(crashing(cell)).rejects.toThrow(
    "cell: its process ended with code 9 before the cell did; where memory is short, lower --jobs",
  );
}, 120_000);

function lasting({ seconds: _seconds, date: _date, ...rest }: EvaluationRecord): unknown {
  return rest;
}
