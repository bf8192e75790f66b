import { join } from "node:path";
import { ConfigError, heldOutSplit, type ImageDataset, type SyntheticSet } from "@limbeck/core";
import type { EvaluationRecord } from "../records/record.ts";
import { evaluateCached } from "./evaluate-cached.ts";
import type { EvaluationOptions } from "./evaluate-set.ts";

/** A set as it stood after some step of a run. */
export interface Candidate {
  readonly step: number;
  readonly set: SyntheticSet;
}

/** Seeds of the networks that choose begin here, so that none of those that are reported has had a say. */
const FIRST_CHOOSING_SEED = 1_000_000;

/**
 * Which of a run's sets is best on the images that the run held out (`validationShare` of its configuration): each trains as many
 * fresh networks as will be reported, with other seeds, under the same protocol. Of equals the earliest. The test split is not read.
 *
 * @param folder Where evaluations are kept, so that an interrupted choice goes on.
 * @param optionsAt How the set after a step is evaluated.
 * @throws {ConfigError} if there is nothing to choose, or the run held no images out.
 */
export async function chooseSet(
  candidates: readonly Candidate[],
  dataset: ImageDataset,
  folder: string,
  optionsAt: (step: number) => EvaluationOptions,
): Promise<{ readonly step: number; readonly chosen: NonNullable<EvaluationRecord["chosen"]> }> {
  const share = heldOutShare(candidates[0]?.set.provenance.config ?? {}, candidates.length);
  const held: ImageDataset = { ...dataset, test: heldOutSplit(dataset, share) };
  const validation: number[] = [];
  for (const { step, set } of candidates) {
    const options = optionsAt(step);
    const seeds = options.seeds.map((_, i) => FIRST_CHOOSING_SEED + i);
    const { record } = await evaluateCached(set, held, join(folder, "held-out"), 0, { ...options, seeds });
    validation.push(record.accuracy.reduce((sum, percent) => sum + percent, 0) / seeds.length);
  }
  const steps = candidates.map(({ step }) => step);
  const best = validation.indexOf(Math.max(...validation));
  return { step: steps[best]!, chosen: { steps, validation, share } };
}

/**
 * The share of the training images that a run with this complete configuration holds out.
 *
 * @param sets How many of its sets there are to choose among.
 * @throws {ConfigError} if there is nothing to choose by, or nothing to choose.
 */
export function heldOutShare(config: Readonly<Record<string, unknown>>, sets: number): number {
  const share = Number(config["validationShare"] ?? 0);
  if (share > 0 && sets >= 2) return share;
  const got = "validationShare" in config ? `validationShare ${share}` : "a method without validationShare";
  throw new ConfigError(
    `choose: wanted at least two sets of a run that holds images out, got ${sets} and ${got}; name steps with --evaluate-at and ` +
      `set validationShare, such as 0.05`,
  );
}
