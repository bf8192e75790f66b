import { sortedJson } from "@limbeck/core";
import type { EvaluationRecord } from "../records/record.ts";
import { conditionOf, groupRecords, type RecordGroup, type SeedAccuracies } from "./record-groups.ts";

const PARTS = {
  "": "own",
  "-hard": "hard",
  "-soft": "soft",
  "-plain": "plain",
  "-soft-plain": "softPlain",
} as const;

/** Which labels a neutral protocol scores with, and whether it augments. */
export type Part = (typeof PARTS)[keyof typeof PARTS];

/** Id of the neutral protocol of a part. */
export function neutralProtocolId(part: Part): string {
  const [suffix] = Object.entries(PARTS).find(([, name]) => name === part)!;
  return `neutral${suffix}-v1`;
}

/** A set that was evaluated under a neutral protocol, with what it is compared with. */
export interface NeutralSet {
  /** Its latest record, under `neutral-hard-v1` where there is one. */
  readonly record: EvaluationRecord;
  /** Accuracies of the set, in percent; undefined where there is no record. */
  set(part: Part): SeedAccuracies | undefined;
  /** Those of as many random images under the same condition. */
  random(part: Part): SeedAccuracies | undefined;
  /** Those of the whole real training split with hard labels. */
  readonly full: SeedAccuracies | undefined;
}

/** Every set with a record under `neutral-v1`, `neutral-hard-v1`, …, whatever their epochs, in the order of first appearance. */
export function neutralSets(records: readonly EvaluationRecord[]): NeutralSet[] {
  const groups = groupRecords(records.filter(({ protocol }) => partOf(protocol) !== undefined));
  const own = new Map<string, RecordGroup[]>();
  for (const group of groups) {
    if (["random", "full"].includes(group.record.method)) continue;
    const key = setOf(group);
    own.set(key, [...(own.get(key) ?? []), group]);
  }
  return [...own.values()].map((sets) => {
    const { record } = partIn(sets, "hard") ?? sets[0]!;
    const near = groups.filter((group) => baseOf(group.record) === baseOf(record));
    const random = near.filter((each) => each.record.method === "random" && each.record.ipc === record.ipc);
    const full = near.filter((each) => each.record.method === "full");
    return {
      record,
      set: (part) => partIn(sets, part)?.accuracies,
      random: (part) => partIn(random, part)?.accuracies,
      full: partIn(full, "hard")?.accuracies,
    };
  });
}

/** Which of the neutral protocols, whatever its epochs; undefined for others. */
function partOf(protocol: string): Part | undefined {
  const suffix = /^neutral((?:-soft|-hard|-plain)*)(?:-e\d+)?-v1$/.exec(protocol)?.[1];
  return suffix === undefined ? undefined : PARTS[suffix as keyof typeof PARTS];
}

function partIn(groups: readonly RecordGroup[], part: Part): RecordGroup | undefined {
  return groups.find(({ record }) => partOf(record.protocol) === part);
}

/** What a set shares with random images and the real data: everything but IPC and protocol. */
function baseOf(record: EvaluationRecord): string {
  return conditionOf({ ...record, ipc: 1, protocol: "" });
}

function setOf({ record }: RecordGroup): string {
  const { seed: _seed, ...config } = record.config;
  return sortedJson([baseOf(record), record.ipc, record.method, config]);
}
