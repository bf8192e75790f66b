import { comparePaired, summarise } from "@limbeck/benchmarks";
import type { Difference, ReportRecord } from "./model.ts";
import type { ReadableRecord } from "./read-records.ts";
import { shownText } from "./shown-text.ts";

/** What only the whole report knows of a record. */
export interface RecordPlace {
  readonly config: number;
  readonly source: number;
}

/**
 * Records with their means, spreads and, among those that compare (same data set, whitening, IPC, network, protocol), their
 * differences to the best. Differences pair the networks of the same seeds: same initial parameters, same order.
 */
export function compareRecords(
  records: readonly (ReadableRecord & { readonly place: RecordPlace })[],
): ReportRecord[] {
  const means = records.map(({ accuracy }) => summarise(accuracy));
  const best = new Map<string, number>();
  records.forEach((record, i) => {
    // The whole training split is a bound, not a competitor.
    if (record.method === "full") return;
    const key = comparison(record);
    const champion = best.get(key);
    if (champion === undefined || means[i]!.mean > means[champion]!.mean) best.set(key, i);
  });
  return records.map((record, i) => {
    const { n, mean, std, halfWidth95 } = means[i]!;
    const champion = best.get(comparison(record));
    const toBest =
      champion === undefined || champion === i || record.method === "full"
        ? undefined
        : differenceOf(record, records[champion]!);
    return {
      method: shownText(record.method),
      dataset: shownText(record.dataset),
      zca: record.normalisation === "zca",
      ipc: record.ipc,
      ...(record.seed === undefined ? {} : { seed: record.seed }),
      ...(record.labels === undefined ? {} : { labels: shownText(record.labels) }),
      network: shownText(record.network),
      protocol: shownText(record.protocol),
      seeds: seedsOf(record),
      accuracy: record.accuracy,
      mean,
      ...(n > 1 ? { std, halfWidth: halfWidth95 } : {}),
      ...(toBest === undefined ? {} : { toBest }),
      best: champion === i,
      bytes: record.bytes,
      seconds: record.seconds,
      backend: shownText(record.backend),
      precision: shownText(record.precision),
      commit: shownText(record.commit),
      machine: shownText(record.machine),
      date: shownText(record.date),
      set: shownText(record.set),
      ...record.place,
    };
  });
}

function seedsOf({ seeds, accuracy }: ReadableRecord): readonly number[] {
  return seeds ?? accuracy.map((_, i) => i);
}

function comparison({ dataset, normalisation, ipc, network, protocol }: ReadableRecord): string {
  return JSON.stringify([dataset, normalisation ?? "", ipc, network, protocol]);
}

function differenceOf(record: ReadableRecord, best: ReadableRecord): Difference | undefined {
  const bySeed = new Map(seedsOf(best).map((seed, i) => [seed, best.accuracy[i]!]));
  const pairs = seedsOf(record).flatMap((seed, i) => {
    const other = bySeed.get(seed);
    return other === undefined ? [] : [[record.accuracy[i]!, other] as const];
  });
  if (pairs.length < 2) return undefined;
  const { mean, halfWidth95, n, excludesZero } = comparePaired(
    pairs.map(([own]) => own),
    pairs.map(([, other]) => other),
  );
  return { mean, halfWidth: halfWidth95, n, real: excludesZero };
}
