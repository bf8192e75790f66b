import { sortedJson } from "@limbeck/core";
import { markdownTable } from "../records/markdown-table.ts";
import type { EvaluationRecord } from "../records/record.ts";
import { bySet, conditionOf, groupRecords, type RecordGroup } from "./record-groups.ts";
import { transferOf, type TransferTarget } from "./transfer.ts";

/**
 * Transfer of every set that was scored with several networks, its own among them, and random images with the same: a Markdown table,
 * empty text where there is none. A set's own network is the `network` of its configuration.
 */
export function transferTable(records: readonly EvaluationRecord[]): string {
  const groups = groupRecords(records);
  const without = (group: RecordGroup): string => conditionOf({ ...group.record, network: "" });
  const idOf = (group: RecordGroup): string =>
    sortedJson([without(group), group.record.method, group.record.config]);
  const rows = [...new Set(groups.map(idOf))].flatMap((id) => {
    const own = groups.filter((group) => idOf(group) === id);
    const { record } = own[0]!;
    const source = record.config["network"];
    const random = groups.filter(
      (group) => group.record.method === "random" && without(group) === without(own[0]!),
    );
    const targets = own.flatMap((group): TransferTarget[] => {
      const { network } = group.record;
      const drawn = random.find((other) => other.record.network === network);
      if (drawn === undefined) return [];
      return [{ network, set: bySet(group.accuracies).flat(), random: bySet(drawn.accuracies).flat() }];
    });
    if (
      typeof source !== "string" ||
      targets.length < 2 ||
      targets.every(({ network }) => network !== source)
    ) {
      return [];
    }
    const { mean, worst, ratio, gains } = transferOf(source, targets);
    return [
      [
        record.dataset,
        String(record.ipc),
        record.method,
        record.protocol,
        source,
        mean.toFixed(1),
        `${worst.accuracy.toFixed(1)} (${worst.network})`,
        ratio.toFixed(2),
        Object.entries(gains)
          .map(([network, gain]) => `${network} ${gain < 0 ? "−" : "+"}${Math.abs(gain).toFixed(1)}`)
          .join(", "),
      ],
    ];
  });
  const head = [
    "Data set",
    "IPC",
    "Method",
    "Protocol",
    "Made with",
    "Mean",
    "Worst",
    "Others / own",
    "Above random",
  ];
  return rows.length === 0 ? "" : markdownTable(head, rows);
}
