import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { readRecords, summarise } from "@limbeck/benchmarks";
import { hashSyntheticSet, type CardResult, type RunMetric, type SyntheticSet } from "@limbeck/core";

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

/** The accuracy of every network in a run folder's `records.jsonl`, 0 to 1, as metrics of the run's last step. */
export function accuracyBeside(folder: string): RunMetric[] {
  const records = join(folder, "records.jsonl");
  if (!existsSync(records)) return [];
  return readRecords(records).flatMap(
    ({ method, network, protocol, seeds, accuracy, config, date, seconds }) => {
      const iterations = Number(config["iterations"]);
      const common = {
        run: basename(resolve(folder)),
        step: Number.isInteger(iterations) ? iterations : 0,
        split: "test" as const,
        metric: `accuracy/${network}/${protocol}${method === "random" ? "/random" : ""}`,
        wall: Date.parse(date) / 1000,
        elapsed: seconds.distill,
      };
      return accuracy.map((percent, i) => ({ ...common, seed: seeds[i]!, value: percent / 100 }));
    },
  );
}
