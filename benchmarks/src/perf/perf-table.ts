import type { PeerResult } from "./peers/peer-process.ts";

/** Results of one workload: ours, then the peers in a fixed order. */
export interface PerfRow {
  readonly name: string;
  readonly ours: PeerResult;
  readonly peers: readonly PeerResult[];
}

/**
 * Markdown table of seconds, peak memory and ratios (peer's seconds over ours: above 1 we are faster).
 *
 * @param peerNames Column titles, one per entry of `peers`.
 */
export function perfTable(rows: readonly PerfRow[], peerNames: readonly string[]): string {
  const head = [
    "Workload",
    "Limbeck, s",
    "Peak, MB",
    ...peerNames.flatMap((name) => [`${name}, s`, "Peak, MB", "Ratio"]),
  ];
  const body = rows.map(({ name, ours, peers }) => [
    name,
    ...cells(ours),
    ...peers.flatMap((peer) => [...cells(peer), ratio(peer, ours)]),
  ]);
  return [head, head.map(() => "---"), ...body].map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function cells(result: PeerResult): [string, string] {
  if ("unavailable" in result) return ["–", "–"];
  return [result.seconds.toPrecision(3), (result.peakBytes / 1e6).toFixed(0)];
}

function ratio(peer: PeerResult, ours: PeerResult): string {
  if ("unavailable" in peer || "unavailable" in ours) return "–";
  return `${(peer.seconds / ours.seconds).toFixed(2)}×`;
}
