import { ConfigError, type ImageDataset, type Normalisation, type SyntheticSet } from "@limbeck/core";

/** Largest difference of a mean or standard deviation that still counts as the same published constant. */
const SAME_CONSTANT = 1e-6;

/**
 * Checks that a set may be scored on a data set's test split: the same classes in the same order, the same image shape, and
 * the normalisation that belongs to the data. (Most sets that seem to fail are scored with another normalisation.)
 *
 * A whitened set carries its own transform, which the test images will be given; any is accepted for the same data.
 *
 * @throws {ConfigError} naming what differs.
 */
export function checkComparable(set: SyntheticSet, dataset: ImageDataset): void {
  const where = `evaluate: the set (from ${set.provenance.dataset}) and ${dataset.name} differ in their`;
  const fix = "evaluate it on the data it was made from";
  if (String(set.shape) !== String(dataset.shape)) {
    throw new ConfigError(`${where} image shape: [${set.shape}] and [${dataset.shape}]; ${fix}`);
  }
  if (
    set.classes.length !== dataset.classes.length ||
    set.classes.some((name, i) => name !== dataset.classes[i])
  ) {
    throw new ConfigError(`${where} classes: ${listed(set.classes)} and ${listed(dataset.classes)}; ${fix}`);
  }
  if (!sameNormalisation(set.normalisation, dataset.normalisation)) {
    throw new ConfigError(
      `${where} normalisation: ${spelt(set.normalisation)} and ${spelt(dataset.normalisation)}; ${fix}`,
    );
  }
}

function sameNormalisation(set: Normalisation, dataset: Normalisation): boolean {
  if (set.kind === "zca") return true;
  if (dataset.kind === "zca") return false;
  const close = (a: readonly number[], b: readonly number[]): boolean =>
    a.length === b.length && a.every((value, i) => Math.abs(value - b[i]!) <= SAME_CONSTANT);
  return close(set.mean, dataset.mean) && close(set.std, dataset.std);
}

function spelt(normalisation: Normalisation): string {
  if (normalisation.kind === "zca") return "whitening";
  return `mean [${normalisation.mean}], std [${normalisation.std}]`;
}

function listed(classes: readonly string[]): string {
  const shown = classes.slice(0, 10).join(", ");
  return `${classes.length} (${shown}${classes.length > 10 ? ", …" : ""})`;
}
