import { sortedJson } from "@limbeck/core";
import type { EvaluationRecord } from "../records/record.ts";

/** Accuracies in percent by what they are paired by: seed of the set, then seed of the network. */
export type SeedAccuracies = ReadonlyMap<number, ReadonlyMap<number, number>>;

/** Records that differ in seeds alone. */
export interface RecordGroup {
  /** The latest of them. */
  readonly record: EvaluationRecord;
  readonly records: readonly EvaluationRecord[];
  readonly accuracies: SeedAccuracies;
}

/** What must be equal for two accuracies to be compared: data, whitening, IPC, network, protocol, precision. */
export function conditionOf(record: EvaluationRecord): string {
  const { dataset, normalisation, ipc, network, protocol, precision } = record;
  return sortedJson([dataset, normalisation ?? null, ipc, network, protocol, precision]);
}

/** Records grouped by condition, method and configuration, in the order of first appearance. A later record of equal seeds wins. */
export function groupRecords(records: readonly EvaluationRecord[]): RecordGroup[] {
  const groups = new Map<string, EvaluationRecord[]>();
  for (const record of records) {
    const { seed: _seed, ...config } = record.config;
    const key = sortedJson([conditionOf(record), record.method, config]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [record]);
    else group.push(record);
  }
  return [...groups.values()].map((own) => ({
    record: own.at(-1)!,
    records: own,
    accuracies: accuraciesOf(own),
  }));
}

function accuraciesOf(records: readonly EvaluationRecord[]): SeedAccuracies {
  const bySet = new Map<number, Map<number, number>>();
  for (const { seed = 0, seeds, accuracy } of records) {
    const own = bySet.get(seed) ?? new Map<number, number>();
    bySet.set(seed, own);
    seeds.forEach((network, i) => own.set(network, accuracy[i]!));
  }
  return bySet;
}

/** Accuracies of each set. */
export function bySet(accuracies: SeedAccuracies): number[][] {
  return [...accuracies.values()].map((own) => [...own.values()]);
}

/**
 * Two results in pairs of equal seeds: means of sets where both have two sets or more in common, for the set is what varies; else
 * networks. Empty where no seeds are in common.
 */
export function pairUp(a: SeedAccuracies, b: SeedAccuracies): { readonly a: number[]; readonly b: number[] } {
  const pairs = [...a].flatMap(([seed, own]) => {
    const other = b.get(seed);
    const common = other === undefined ? [] : [...own.keys()].filter((network) => other.has(network));
    if (other === undefined || common.length === 0) return [];
    return [
      { a: common.map((network) => own.get(network)!), b: common.map((network) => other.get(network)!) },
    ];
  });
  if (pairs.length === 1) return pairs[0]!;
  return { a: pairs.map(({ a }) => mean(a)), b: pairs.map(({ b }) => mean(b)) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
