import { markdownTable } from "../records/markdown-table.ts";
import type { EvaluationRecord } from "../records/record.ts";
import { summarise, type Summary } from "../statistics/summary.ts";
import {
  augmentationRobustScore,
  hardLabelRecovery,
  improvementOverRandom,
  labelRobustScore,
} from "./fair-scores.ts";
import { neutralSets, type NeutralSet } from "./neutral-sets.ts";
import type { SeedAccuracies } from "./record-groups.ts";

/** A set under the neutral protocols. Scores are those of each repetition, summarised: not scores of means. Accuracies are percent. */
export interface FairScores {
  readonly record: EvaluationRecord;
  /** Repetitions: seeds of set and network that all records behind them share. */
  readonly repetitions: number;
  /** The set and random images, each with hard labels and with a teacher's; the real data. */
  readonly accuracies: Readonly<
    Record<"setHard" | "setSoft" | "randomHard" | "randomSoft" | "fullHard", number>
  >;
  /** Percentage points. */
  readonly hardLabelRecovery: Summary;
  readonly improvementOverRandom: Summary;
  /** Times 100. */
  readonly labelRobust: Summary;
  /** Times 100; undefined where no record is without augmentation. */
  readonly augmentationRobust: Summary | undefined;
}

/**
 * Scores of every set that has what they need: records under `neutral-v1`, `neutral-hard-v1` and `neutral-soft-v1` of the set and of
 * `random`, and of `full` under `neutral-hard-v1`, all with other epochs too; for the augmentation-robust score also the `plain`
 * ones. Random images are labelled as the set is: by the teacher where its labels are soft.
 */
export function fairScores(records: readonly EvaluationRecord[]): FairScores[] {
  return neutralSets(records).flatMap((set) => fairScoresOf(set) ?? []);
}

/** Scores of one set; undefined where a record is missing, or no seeds are in common. */
export function fairScoresOf({ record, set, random, full }: NeutralSet): FairScores | undefined {
  const soft = record.labels === "soft";
  const [setHard, setSoft, setOwn] = [set("hard"), set("soft"), set("own")];
  const [randomHard, randomSoft] = [random("hard"), random("soft")];
  if (!setHard || !setSoft || !setOwn || !randomHard || !randomSoft || !full) return undefined;
  const randomOwn = soft ? randomSoft : randomHard;
  const [fullHard] = [...full.values()];
  const keys = commonKeys([setHard, setSoft, setOwn, randomHard, randomSoft]).filter(([, network]) =>
    fullHard!.has(network),
  );
  if (keys.length === 0) return undefined;
  const at = (accuracies: SeedAccuracies, [seed, network]: Key): number =>
    accuracies.get(seed)!.get(network)! / 100;
  const each = keys.map((key) => ({
    realHard: fullHard!.get(key[1])! / 100,
    setHard: at(setHard, key),
    setOwn: at(setOwn, key),
    randomOwn: at(randomOwn, key),
  }));
  const over = (accuracies: SeedAccuracies): number =>
    100 * summarise(keys.map((key) => at(accuracies, key))).mean;
  return {
    record,
    repetitions: keys.length,
    accuracies: {
      setHard: over(setHard),
      setSoft: over(setSoft),
      randomHard: over(randomHard),
      randomSoft: over(randomSoft),
      fullHard: 100 * summarise(each.map(({ realHard }) => realHard)).mean,
    },
    hardLabelRecovery: summarise(each.map((one) => 100 * hardLabelRecovery(one))),
    improvementOverRandom: summarise(each.map((one) => 100 * improvementOverRandom(one))),
    labelRobust: summarise(each.map((one) => 100 * labelRobustScore(one))),
    augmentationRobust: augmentationScores(
      [setOwn, randomOwn, set("plain"), random(soft ? "softPlain" : "plain")],
      at,
    ),
  };
}

function augmentationScores(
  [setOwn, randomOwn, setPlain, randomPlain]: readonly (SeedAccuracies | undefined)[],
  at: (accuracies: SeedAccuracies, key: Key) => number,
): Summary | undefined {
  if (!setOwn || !randomOwn || !setPlain || !randomPlain) return undefined;
  const keys = commonKeys([setOwn, randomOwn, setPlain, randomPlain]);
  if (keys.length === 0) return undefined;
  return summarise(
    keys.map(
      (key) =>
        100 *
        augmentationRobustScore({
          setAugmented: at(setOwn, key),
          randomAugmented: at(randomOwn, key),
          setPlain: at(setPlain, key),
          randomPlain: at(randomPlain, key),
        }),
    ),
  );
}

type Key = readonly [seed: number, network: number];

function commonKeys([first, ...rest]: readonly SeedAccuracies[]): Key[] {
  return [...first!].flatMap(([seed, own]) =>
    [...own.keys()]
      .filter((network) => rest.every((other) => other.get(seed)?.has(network) === true))
      .map((network): Key => [seed, network]),
  );
}

/** {@link fairScores} as a Markdown table; empty text where no set has all it needs. */
export function fairTable(records: readonly EvaluationRecord[]): string {
  const all = fairScores(records);
  if (all.length === 0) return "";
  const spread = ({ mean, std, n }: Summary): string =>
    n > 1 ? `${mean.toFixed(1)} ± ${std.toFixed(1)}` : mean.toFixed(1);
  return markdownTable(
    [
      "Data set",
      "IPC",
      "Method",
      "Network",
      "Hard labels",
      "Teacher's labels",
      "Random, hard",
      "Random, teacher's",
      "Full data",
      "HLR",
      "IOR",
      "LRS",
      "ARS",
      "n",
    ],
    all.map(({ record, accuracies, ...scores }) => [
      record.dataset,
      String(record.ipc),
      record.method,
      record.network,
      ...(["setHard", "setSoft", "randomHard", "randomSoft", "fullHard"] as const).map((key) =>
        accuracies[key].toFixed(1),
      ),
      spread(scores.hardLabelRecovery),
      spread(scores.improvementOverRandom),
      spread(scores.labelRobust),
      scores.augmentationRobust === undefined ? "–" : spread(scores.augmentationRobust),
      String(scores.repetitions),
    ]),
  );
}
