import { useBackend, type ImageDataset } from "@limbeck/core";
import { toyDataset, toyMethod } from "@limbeck/core/testing";
import { createCellRunner, type Catalogue } from "../cell-runner.ts";
import { readSweepFile } from "../read-sweep-file.ts";
import { runSweep, type RunSweepOptions, type SweepResult } from "../run-sweep.ts";
import { planSweep, type SweepPlan } from "../sweep-plan.ts";

/** The toy method, and toy data sets by any name: `toy-3` has seed 3. */
export const toyCatalogue: Catalogue & { readonly knowsDataset: (name: string) => boolean } = {
  methods: [toyMethod],
  knowsDataset: (name) => name.startsWith("toy"),
  openDataset: (name) => Promise.resolve(toyData(name)),
};

function toyData(name: string): ImageDataset {
  return toyDataset({ shape: [8, 8, 1], perClass: 12, seed: Number(name.split("-")[1] ?? 0) });
}

/** The plan of a sweep file on one thread of the best back end. */
export async function planToySweep(path: string): Promise<SweepPlan> {
  const { backend, precision, threads } = await useBackend("auto", { threads: 1 });
  return planSweep(await readSweepFile(path), toyCatalogue, { backend, precision, threads });
}

/** Runs a sweep file in a folder. */
export async function runToySweep(
  path: string,
  options: Omit<RunSweepOptions, "runner">,
): Promise<SweepResult> {
  const runner: RunSweepOptions["runner"] = (places) =>
    createCellRunner({ catalogue: toyCatalogue, ...places });
  return runSweep(await planToySweep(path), { runner, ...options });
}
