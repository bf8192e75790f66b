import { DataError } from "@limbeck/core";

/** Most classes that labels without names may count up to; more means that these are not class labels. */
const MOST_UNNAMED_CLASSES = 100_000;

/**
 * Class names for integer labels: the names given, else "0", "1", … up to the largest label.
 *
 * @param where File named in the message.
 * @throws {DataError} if a label is negative, not an integer, or has no name.
 */
export function classNamesFor(
  where: string,
  labels: Iterable<number>,
  names?: readonly string[],
): readonly string[] {
  const limit = names?.length ?? MOST_UNNAMED_CLASSES;
  let largest = -1;
  let row = 0;
  for (const label of labels) {
    if (!Number.isInteger(label) || label < 0 || label >= limit) {
      throw new DataError(`${where}: wanted labels in [0, ${limit}), got ${label} in row ${row}`);
    }
    largest = Math.max(largest, label);
    row++;
  }
  return names ?? Array.from({ length: largest + 1 }, (_, label) => String(label));
}
