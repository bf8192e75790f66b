import type { EvaluationRecord } from "../records/record.ts";
import { summariseNested, type NestedSummary } from "../statistics/nested.ts";
import { fairScoresOf, type FairScores } from "./fair-table.ts";
import { neutralProtocolId, neutralSets, type NeutralSet, type Part } from "./neutral-sets.ts";
import { bySet, type SeedAccuracies } from "./record-groups.ts";

/** The set and random images with hard labels and with a teacher's, the set with its own, the real data with hard ones. */
export type GridCell = "setHard" | "setSoft" | "setOwn" | "randomHard" | "randomSoft" | "fullHard";

/** What is evaluated: a set, as many random images, or the whole training split. */
export interface MissingEvaluation {
  readonly of: "set" | "random" | "full";
  /** Protocol id. */
  readonly protocol: string;
  /** Only the augmentation-robust score lacks it. */
  readonly onlyAugmentation: boolean;
}

/** Images against labels: what of a set's accuracy is its images', what its labels'. */
export interface LabelGrid {
  readonly record: EvaluationRecord;
  /** Percent, over all sets and networks; absent where nothing was measured. */
  readonly cells: Readonly<Partial<Record<GridCell, NestedSummary>>>;
  /** Undefined while something is missing, or where the records share no seeds. */
  readonly scores: FairScores | undefined;
  /** Evaluations that scores still need. */
  readonly missing: readonly MissingEvaluation[];
}

/**
 * The two-by-two of labels and images of every set with a record under a neutral protocol, as far as it was measured, with
 * DD-Ranking's scores where nothing is missing.
 *
 * @see Qin, Deng and Alvarez-Melis, "A Label is Worth a Thousand Images in Dataset Distillation" (NeurIPS 2024).
 */
export function labelGrids(records: readonly EvaluationRecord[]): LabelGrid[] {
  return neutralSets(records).map((set) => {
    const measured: Readonly<Record<GridCell, SeedAccuracies | undefined>> = {
      setHard: set.set("hard"),
      setSoft: set.set("soft"),
      setOwn: set.set("own"),
      randomHard: set.random("hard"),
      randomSoft: set.random("soft"),
      fullHard: set.full,
    };
    const cells = Object.entries(measured).flatMap(([cell, accuracies]) =>
      accuracies === undefined ? [] : [[cell, summariseNested(bySet(accuracies))] as const],
    );
    return {
      record: set.record,
      cells: Object.fromEntries(cells),
      scores: fairScoresOf(set),
      missing: missingOf(set),
    };
  });
}

function missingOf({ record, set, random, full }: NeutralSet): MissingEvaluation[] {
  const wanted: readonly (readonly [MissingEvaluation["of"], Part, boolean])[] = [
    ["set", "own", false],
    ["set", "hard", false],
    ["set", "soft", false],
    ["random", "hard", false],
    ["random", "soft", false],
    ["full", "hard", false],
    ["set", "plain", true],
    ["random", record.labels === "soft" ? "softPlain" : "plain", true],
  ];
  const found = { set, random, full: () => full };
  return wanted
    .filter(([of, part]) => found[of](part) === undefined)
    .map(([of, part, onlyAugmentation]) => ({ of, protocol: neutralProtocolId(part), onlyAugmentation }));
}
