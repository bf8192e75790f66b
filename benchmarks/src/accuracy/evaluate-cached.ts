import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  engineIdentity,
  hashSyntheticSet,
  sortedJson,
  type ImageDataset,
  type SyntheticSet,
} from "@limbeck/core";
import { z } from "zod";
import { protocolHash, protocolId, type Protocol } from "../protocol/protocol.ts";
import { appendJsonLine, parseJsonLines } from "../records/json-lines.ts";
import type { EvaluationRecord } from "../records/record.ts";
import { appendRecord, readRecords } from "../records/record-file.ts";
import { evaluateSet, type Evaluation, type EvaluationOptions, type SeedResult } from "./evaluate-set.ts";
import type { Tuned } from "./tune-recipe.ts";
import { fullDataRecord, setRecord } from "./evaluation-record.ts";
import { evaluateFullData } from "./full-data.ts";

/** One network's outcome as a line of `seeds.jsonl`, with everything that decides it. */
const seedLineSchema = z.strictObject({
  set: z.string(),
  protocol: z.string(),
  network: z.string(),
  backend: z.string(),
  precision: z.string(),
  threads: z.int(),
  samplesAtOnce: z.int().optional(),
  seed: z.int(),
  percent: z.number(),
  seconds: z.number(),
});

/**
 * Evaluates a set unless `folder` knows the answer: its `records.jsonl` holds finished evaluations, its `seeds.jsonl` the
 * networks of unfinished ones, both found by the content of the set. New results are appended there.
 *
 * @param distillSeconds What it took to make the set, for the record.
 */
export async function evaluateCached(
  set: SyntheticSet,
  dataset: ImageDataset,
  folder: string,
  distillSeconds: number,
  options: EvaluationOptions,
): Promise<{ readonly record: EvaluationRecord; readonly cached: boolean }> {
  const evaluate = (cached: EvaluationOptions) => evaluateSet(set, dataset, cached);
  const toRecord = (evaluation: Evaluation) => setRecord(set, distillSeconds, { ...options, evaluation });
  return evaluateKnown(hashSyntheticSet(set), folder, options, evaluate, toRecord);
}

/** The same for the full-data bound. */
export async function evaluateFullCached(
  dataset: ImageDataset,
  folder: string,
  options: EvaluationOptions,
): Promise<{ readonly record: EvaluationRecord; readonly cached: boolean }> {
  const evaluate = (cached: EvaluationOptions) => evaluateFullData(dataset, cached);
  const toRecord = async (evaluation: Evaluation) => fullDataRecord(dataset, { ...options, evaluation });
  return evaluateKnown(dataset.sha256, folder, options, evaluate, toRecord);
}

async function evaluateKnown(
  set: string,
  folder: string,
  options: EvaluationOptions,
  evaluate: (cached: EvaluationOptions) => Promise<Evaluation>,
  toRecord: (evaluation: Evaluation) => Promise<EvaluationRecord>,
): Promise<{ readonly record: EvaluationRecord; readonly cached: boolean }> {
  const identity = evaluationIdentity(set, options.protocol, options.network);
  const records = join(folder, "records.jsonl");
  const earlier = findRecord(records, identity, options);
  if (earlier !== undefined) return { record: earlier, cached: true };
  const seedFile = join(folder, "seeds.jsonl");
  const tuningFile = join(folder, "tuning.jsonl");
  const evaluation = await evaluate({
    ...options,
    knownTuning: knownTuning(tuningFile, identity),
    onTuned: (tuned) => appendJsonLine(tuningFile, { ...identity, tuned }),
    known: knownSeeds(seedFile, identity),
    onSeed(seed, result) {
      appendJsonLine(seedFile, { ...identity, seed, ...result });
      options.onSeed?.(seed, result);
    },
  });
  const record = await toRecord(evaluation);
  appendRecord(records, record);
  return { record, cached: false };
}

type Identity = Omit<z.output<typeof seedLineSchema>, "seed" | "percent" | "seconds">;

function evaluationIdentity(set: string, protocol: Protocol, network: string): Identity {
  return { set, protocol: protocolHash(protocol), network, ...engineIdentity() };
}

function findRecord(
  path: string,
  { set, network, backend, precision }: Identity,
  { protocol, seeds }: EvaluationOptions,
): EvaluationRecord | undefined {
  if (!existsSync(path)) return undefined;
  const wanted = JSON.stringify([set, protocolId(protocol), network, seeds, backend, precision]);
  return readRecords(path).find(
    (record) =>
      JSON.stringify([
        record.set,
        record.protocol,
        record.network,
        record.seeds,
        record.backend,
        record.precision,
      ]) === wanted,
  );
}

function knownTuning(path: string, identity: Identity): Tuned | undefined {
  if (!existsSync(path)) return undefined;
  const wanted = sortedJson(identity);
  for (const { value } of parseJsonLines(readFileSync(path, "utf8"))) {
    const { tuned, ...rest } = value as Identity & { readonly tuned: Tuned };
    if (sortedJson(rest) === wanted) return tuned;
  }
  return undefined;
}

function knownSeeds(path: string, identity: Identity): Map<number, SeedResult> {
  const known = new Map<number, SeedResult>();
  if (!existsSync(path)) return known;
  const wanted = sortedJson(identity);
  for (const { value } of parseJsonLines(readFileSync(path, "utf8"))) {
    const line = seedLineSchema.safeParse(value);
    if (!line.success) continue;
    const { seed, percent, seconds, ...rest } = line.data;
    if (sortedJson(rest) === wanted) known.set(seed, { percent, seconds });
  }
  return known;
}
