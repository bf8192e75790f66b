import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { readRecords, summarise } from "@limbeck/benchmarks";
import { hashSyntheticSet, type CardResult, type SyntheticSet } from "@limbeck/core";

/** Results of this very set in the `records.jsonl` beside it: for the card. */
export function resultsBeside(path: string, set: SyntheticSet): CardResult[] {
  const records = join(dirname(path), "records.jsonl");
  if (!existsSync(records)) return [];
  const hash = hashSyntheticSet(set);
  return readRecords(records)
    .filter((record) => record.set === hash)
    .map(({ protocol, network, accuracy }) => {
      const { n, mean, std } = summarise(accuracy);
      return { protocol, network, mean, std: n > 1 ? std : 0, seeds: n };
    });
}
