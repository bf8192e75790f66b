import { createHash } from "node:crypto";
import { DataError } from "@limbeck/core";

/** How a set that comes without a test split is divided. */
export interface SplitSettings {
  /** Share of each class that becomes the test split. */
  readonly testFraction: number;
  readonly seed: number;
}

/**
 * Divide items of known classes into train and test, the same way for the same names and seed on every machine: in
 * each class the items whose `SHA-256(seed:name)` comes first are the test split, at least one of them, and at least
 * one stays for training.
 *
 * @param where Named in the message.
 * @returns for each item, whether it belongs to the test split.
 * @throws {DataError} if a class has fewer than two items.
 */
export function seededSplit(
  where: string,
  names: readonly string[],
  labels: ArrayLike<number>,
  classes: readonly string[],
  { testFraction, seed }: SplitSettings,
): readonly boolean[] {
  const members = classes.map((): { item: number; rank: string }[] => []);
  for (const [item, name] of names.entries()) {
    const rank = createHash("sha256").update(`${seed}:${name}`).digest("hex");
    members[labels[item]!]!.push({ item, rank });
  }
  const test = names.map(() => false);
  for (const [label, items] of members.entries()) {
    if (items.length < 2) {
      throw new DataError(
        `${where}: wanted at least 2 images of class ${JSON.stringify(classes[label])} to split into train and test, ` +
          `got ${items.length}`,
      );
    }
    const count = Math.min(items.length - 1, Math.max(1, Math.round(items.length * testFraction)));
    items.sort((a, b) => (a.rank < b.rank ? -1 : 1));
    for (const { item } of items.slice(0, count)) test[item] = true;
  }
  return test;
}
