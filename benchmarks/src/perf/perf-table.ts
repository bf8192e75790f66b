import type { Ceilings } from "@limbeck/native";
import type { PeerResult } from "./peers/peer-process.ts";

/** Results of one workload: ours, then the peers in a fixed order. */
export interface PerfRow {
  readonly name: string;
  /** Of one unit, by direct convolution. */
  readonly multiplyAdds: number;
  readonly ours: PeerResult;
  readonly peers: readonly PeerResult[];
}

/**
 * Markdown table of seconds, peak memory and ratios (peer's seconds over ours: above 1 we are faster).
 *
 * With `ceilings` also the rate of the work, counted as direct convolution, and its part of what the machine multiplies at
 * most. Minimal filtering needs fewer products than it is credited with, so that part may exceed 100 %.
 *
 * What could not be measured is told below, with its reason.
 *
 * @param peerNames Column titles, one per entry of `peers`.
 */
export function perfTable(
  rows: readonly PerfRow[],
  peerNames: readonly string[],
  ceilings?: Ceilings,
): string {
  const head = [
    "Workload",
    "Limbeck, s",
    "Peak, MB",
    ...(ceilings === undefined ? [] : ["GFLOP/s", "Of the ceiling"]),
    ...peerNames.flatMap((name) => [`${name}, s`, "Peak, MB", "Ratio"]),
  ];
  const body = rows.map(({ name, multiplyAdds, ours, peers }) => [
    name,
    ...cells(ours),
    ...(ceilings === undefined ? [] : rateCells(ours, multiplyAdds, ceilings)),
    ...peers.flatMap((peer) => [...cells(peer), ratio(peer, ours)]),
  ]);
  const lines = [head, head.map(() => "---"), ...body].map((line) => `| ${line.join(" | ")} |`);
  const reasons = rows.flatMap(({ name, ours, peers }) =>
    [ours, ...peers].flatMap((result, i) =>
      "unavailable" in result ? [`${["Limbeck", ...peerNames][i]}, ${name}: ${result.unavailable}`] : [],
    ),
  );
  const table = [lines, reasons]
    .filter((part) => part.length > 0)
    .map((part) => part.join("\n"))
    .join("\n\n");
  if (ceilings === undefined) return table;
  const [compute, memory] = [(2 * ceilings.multiplyAdds) / 1e9, ceilings.bytes / 1e9];
  return `${table}\n\nCeilings measured: ${compute.toFixed(0)} GFLOP/s from registers, ${memory.toFixed(0)} GB/s to and from memory.`;
}

function rateCells(result: PeerResult, multiplyAdds: number, ceilings: Ceilings): [string, string] {
  if ("unavailable" in result) return ["–", "–"];
  const rate = multiplyAdds / result.seconds;
  return [((2 * rate) / 1e9).toFixed(0), `${((100 * rate) / ceilings.multiplyAdds).toFixed(0)} %`];
}

function cells(result: PeerResult): [string, string] {
  if ("unavailable" in result) return ["–", "–"];
  return [result.seconds.toPrecision(3), (result.peakBytes / 1e6).toFixed(0)];
}

function ratio(peer: PeerResult, ours: PeerResult): string {
  if ("unavailable" in peer || "unavailable" in ours) return "–";
  return `${(peer.seconds / ours.seconds).toFixed(2)}×`;
}
