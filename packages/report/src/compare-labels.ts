import {
  labelGrids,
  type EvaluationRecord,
  type LabelGrid,
  type MissingEvaluation,
} from "@limbeck/benchmarks";
import type { LabelComparison, Spread } from "./model.ts";

/** Images against labels, for every set with a record under a neutral protocol; see `labelGrids`. */
export function compareLabels(records: readonly EvaluationRecord[]): LabelComparison[] {
  return labelGrids(records).map((grid) => {
    const { record, cells, missing } = grid;
    const scores = scoresOf(grid);
    const shown = Object.entries(cells).map(
      ([cell, { mean, n, withinStd, halfWidth95 }]) =>
        [cell, spread({ mean, n, std: withinStd, halfWidth95 })] as const,
    );
    return {
      method: record.method,
      dataset: record.dataset,
      zca: record.normalisation === "zca",
      ipc: record.ipc,
      network: record.network,
      ...(record.labels === undefined ? {} : { labels: record.labels }),
      cells: Object.fromEntries(shown),
      ...(scores === undefined ? {} : { scores }),
      missing: missing.filter(({ onlyAugmentation }) => !onlyAugmentation).map(named),
      missingForAugmentation: missing.filter(({ onlyAugmentation }) => onlyAugmentation).map(named),
    };
  });
}

function scoresOf({ scores }: LabelGrid): LabelComparison["scores"] {
  if (scores === undefined) return undefined;
  const { hardLabelRecovery, improvementOverRandom, labelRobust, augmentationRobust } = scores;
  return {
    hlr: spread(hardLabelRecovery),
    ior: spread(improvementOverRandom),
    lrs: spread(labelRobust),
    ...(augmentationRobust === undefined ? {} : { ars: spread(augmentationRobust) }),
  };
}

/** JSON has no NaN: what one repetition does not have is left out. */
function spread({
  mean,
  n,
  std,
  halfWidth95,
}: {
  mean: number;
  n: number;
  std: number;
  halfWidth95: number;
}): Spread {
  return {
    mean,
    n,
    ...(Number.isFinite(std) ? { std } : {}),
    ...(Number.isFinite(halfWidth95) ? { halfWidth: halfWidth95 } : {}),
  };
}

const NAMES = { set: "the set", random: "random images", full: "the full data" };

function named({ of, protocol }: MissingEvaluation): string {
  return `${NAMES[of]} under ${protocol}`;
}
