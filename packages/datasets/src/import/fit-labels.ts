import { classFolderNames, ConfigError, DataError, type SyntheticLabels } from "@limbeck/core";
import type { ForeignArray } from "./foreign-set.ts";

/** How far a row of labels may be from the sum 1 and still be a distribution. */
const SUM_MARGIN = 1e-3;

/**
 * The data set's label of each of the file's classes, `[classes]`: matched by name, as written or as a folder is called; or, where
 * all names are numbers, by number. Without names the file's labels are the data set's.
 *
 * @throws {DataError} naming the classes that the data set does not have.
 */
export function fitClasses(
  where: string,
  named: readonly string[] | undefined,
  classes: readonly string[],
): readonly number[] | undefined {
  if (named === undefined) return undefined;
  const folders = classFolderNames(classes);
  const byName = new Map([...folders.entries(), ...classes.entries()].map(([label, name]) => [name, label]));
  const labels = named.map((name) => byName.get(name));
  if (!labels.includes(undefined) && new Set(labels).size === named.length) return labels as number[];
  const numbers = named.map((name) => (/^\d{1,9}$/.test(name) ? Number(name) : NaN));
  if (numbers.every((label) => label < classes.length) && new Set(numbers).size === named.length)
    return numbers;
  const unknown = named.filter((_, i) => labels[i] === undefined);
  const list = (names: readonly string[]): string =>
    names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
  throw new DataError(
    `${where}: wanted the ${classes.length} classes of the data set (${list(classes)}), ` +
      `got ${named.length}${unknown.length === 0 ? " with repeated names" : `, of which it has no ${list(unknown)}`}`,
  );
}

/**
 * Hard labels `[N]` in the data set's order.
 *
 * @throws {DataError} if one is no class, their number is another, or a class has no image.
 */
export function fitHardLabels(
  where: string,
  { data, shape }: ForeignArray,
  size: number,
  classes: readonly string[],
  order: readonly number[] | undefined,
): Int32Array {
  if (data.length !== size) {
    throw new DataError(`${where}: wanted ${size} labels, one an image, got shape [${shape.join(",")}]`);
  }
  const most = order?.length ?? classes.length;
  const present = new Set<number>();
  const labels = Int32Array.from(data as ArrayLike<number>, (value, image) => {
    const label = Number(value);
    if (!Number.isInteger(label) || label < 0 || label >= most) {
      throw new DataError(`${where}: wanted labels from 0 to ${most - 1}, got ${label} for image ${image}`);
    }
    const fitted = order?.[label] ?? label;
    present.add(fitted);
    return fitted;
  });
  const missing = classes.filter((_, label) => !present.has(label));
  if (missing.length > 0) {
    throw new DataError(
      `${where}: wanted images of all ${classes.length} classes, got none of ${missing.slice(0, 5).join(", ")}` +
        `${missing.length > 5 ? ", …" : ""}; it was made from another set of classes`,
    );
  }
  return labels;
}

/**
 * Soft labels `[N, K]`, columns in the data set's order.
 *
 * @throws {ConfigError} if rows are no distributions and nothing was stated.
 * @throws {DataError} if the shape does not fit, a number is not finite, or rows stated as probabilities are negative.
 */
export function fitSoftLabels(
  where: string,
  { data, shape }: ForeignArray,
  size: number,
  classes: readonly string[],
  order: readonly number[] | undefined,
  stated: "probabilities" | "logits" | undefined,
): Extract<SyntheticLabels, { kind: "soft" }> {
  const columns = classes.length;
  const fits = shape.length === 2 && shape[0] === size && shape[1] === columns;
  if (!fits || (order !== undefined && order.length !== columns)) {
    throw new DataError(
      `${where}: wanted soft labels [${size},${columns}] for the ${columns} classes of the data set, got [${shape.join(",")}]`,
    );
  }
  const values = new Float32Array(data.length);
  let distributions = true;
  for (let image = 0; image < size; image++) {
    let sum = 0;
    for (let k = 0; k < columns; k++) {
      const value = Number(data[image * columns + k]);
      if (!Number.isFinite(value)) {
        throw new DataError(`${where}: wanted finite soft labels, got ${value} for image ${image}`);
      }
      if (value < 0) distributions = false;
      sum += value;
      values[image * columns + (order?.[k] ?? k)] = value;
    }
    if (Math.abs(sum - 1) > SUM_MARGIN) distributions = false;
  }
  const space = stated ?? (distributions ? "probabilities" : undefined);
  if (space !== undefined) return { kind: "soft", values, space };
  throw new ConfigError(
    `${where}: the soft labels are no distributions; state whether they are logits or probabilities`,
  );
}
