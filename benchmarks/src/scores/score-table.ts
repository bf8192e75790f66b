import { differingSettings } from "../records/differing-settings.ts";
import { markdownTable } from "../records/markdown-table.ts";
import type { EvaluationRecord } from "../records/record.ts";
import { formatNested, summariseNested } from "../statistics/nested.ts";
import { comparePaired, formatComparison } from "../statistics/paired.ts";
import { bySet, conditionOf, groupRecords, pairUp, type RecordGroup } from "./record-groups.ts";
import { storageOf, type RealSize } from "./storage.ts";

/**
 * Records as a Markdown table, one row for each method and configuration under each condition: accuracy over sets and networks,
 * difference from random images under the same seeds with its 95 % interval (`n.s.` where that holds zero), bytes, and seconds.
 *
 * @param sizeOf Size of a data set by name, for the columns of storage; undefined where it is not known.
 */
export function scoreTable(
  records: readonly EvaluationRecord[],
  sizeOf: (dataset: string) => RealSize | undefined = () => undefined,
): string {
  const groups = groupRecords(records);
  const settings = new Map(
    differingSettings(groups.map(({ record }) => record)).map((text, i) => [groups[i]!, text]),
  );
  const conditions = [...new Set(groups.map(({ record }) => conditionOf(record)))];
  const rows = conditions.flatMap((condition) => {
    const own = groups.filter(({ record }) => conditionOf(record) === condition);
    const random = own.find(({ record }) => record.method === "random");
    return own
      .map((group) => ({ group, nested: summariseNested(bySet(group.accuracies)) }))
      .sort((a, b) => a.nested.mean - b.nested.mean)
      .map(({ group, nested }) => [
        ...conditionCells(group.record, settings.get(group)!),
        formatNested(nested),
        differenceFrom(random, group),
        ...costCells(group, sizeOf(group.record.dataset)),
      ]);
  });
  return markdownTable(
    [
      "Data set",
      "IPC",
      "Method",
      "Iterations",
      "Settings",
      "Network",
      "Protocol",
      "Accuracy, %",
      "Above random",
      "Bytes",
      "IPC of equal bytes",
      "Part of the real set",
      "Distil, s",
      "Evaluate, s",
    ],
    rows,
    ["Settings"],
  );
}

function conditionCells(
  { dataset, normalisation, ipc, method, config, network, protocol }: EvaluationRecord,
  settings: string,
): string[] {
  const { iterations } = config;
  return [
    normalisation === undefined ? dataset : `${dataset}, ZCA`,
    String(Number(ipc.toPrecision(4))),
    method,
    typeof iterations === "number" && iterations > 1 ? String(iterations) : "–",
    settings,
    network,
    protocol,
  ];
}

function differenceFrom(random: RecordGroup | undefined, group: RecordGroup): string {
  if (random === undefined || random === group) return "–";
  const { a, b } = pairUp(group.accuracies, random.accuracies);
  return a.length === 0 ? "–" : formatComparison(comparePaired(a, b));
}

function costCells({ record, records }: RecordGroup, size: RealSize | undefined): string[] {
  const { images, labels, decoder } = record.bytes;
  const storage = size === undefined ? undefined : storageOf(record.bytes, size);
  const average = (of: "distill" | "evaluate"): string => {
    const seconds = records.reduce((sum, each) => sum + each.seconds[of], 0) / records.length;
    return String(Number(seconds.toPrecision(2)));
  };
  return [
    String(images + labels + decoder),
    storage === undefined ? "–" : String(Number(storage.ipcEq.toPrecision(3))),
    storage === undefined ? "–" : `${Number((100 * storage.ratioRaw).toPrecision(2))} %`,
    average("distill"),
    average("evaluate"),
  ];
}
