import {
  augmentationOf,
  DataError,
  hashSyntheticSet,
  validateSyntheticSet,
  type ImageDataset,
  type SyntheticLabels,
  type SyntheticSet,
} from "@limbeck/core";
import { fitClasses, fitHardLabels, fitSoftLabels } from "./fit-labels.ts";
import { fitImages, type Layout } from "./fit-images.ts";
import type { ForeignSet } from "./foreign-set.ts";
import { fitNormalisation, type StatedNormalisation } from "./fit-normalisation.ts";

/** What a file does not tell. */
export interface FitOptions {
  /** Order of the axes of the images; default the one that fits the data set's shape, where only one does. */
  readonly layout?: Layout | undefined;
  /** The space of the values; wanted for floats whose file does not tell it. */
  readonly normalisation?: StatedNormalisation | undefined;
  /** What soft labels are; default probabilities where every row is a distribution. */
  readonly labelSpace?: "probabilities" | "logits" | undefined;
  /** Method that made the set, for records; default `imported`. */
  readonly method?: string | undefined;
  /** Strategy that students are to train with; default `auto`, every group. */
  readonly augmentation?: string | undefined;
  /** Multi-formation factor of stored images that hold several. */
  readonly factor?: number | undefined;
  /** The student's learned step size; default the file's. */
  readonly stepSize?: number | undefined;
  /** Citation of the method. */
  readonly cite?: string | undefined;
}

/**
 * A set as this suite has it, from what a file told.
 *
 * @param source Of the file: goes into the provenance.
 * @throws {ConfigError} if something that the file does not tell was not stated.
 * @throws {DataError} if shape, classes, labels or values do not fit the data set.
 */
export function fitForeignSet(
  found: ForeignSet | SyntheticSet,
  dataset: ImageDataset,
  options: FitOptions,
  source: Readonly<Record<string, unknown>>,
): SyntheticSet {
  if ("provenance" in found) return checkOwnSet(found, dataset, String(source["file"]));
  const { where } = found;
  const rows = fitImages(where, found.images, dataset.shape, options.layout);
  const { values, normalisation } = fitNormalisation(found, rows, dataset, options.normalisation);
  const order = fitClasses(where, found.classes, dataset.classes);
  const hard = found.labels.shape.length === 1 || found.labels.shape[1] === 1;
  const labels: SyntheticLabels = hard
    ? { kind: "hard", values: fitHardLabels(where, found.labels, rows.size, dataset.classes, order) }
    : fitSoftLabels(where, found.labels, rows.size, dataset.classes, order, options.labelSpace);
  const stepSize = options.stepSize ?? found.stepSize;
  const whole = {
    ...(labels.kind === "hard" ? byClass(values, labels.values) : { images: values, labels }),
    size: rows.size,
    shape: dataset.shape,
    classes: dataset.classes,
    normalisation,
    augmentation: augmentationOf({ augmentation: options.augmentation ?? "auto" }, dataset),
    ...(options.factor === undefined ? {} : { factor: options.factor }),
    ...(stepSize === undefined ? {} : { stepSize }),
  };
  const { method = "imported", cite = "" } = options;
  const provenance = {
    method,
    dataset: dataset.name,
    datasetSha256: dataset.sha256,
    ipc: Math.max(1, Math.round(rows.size / dataset.classes.length)),
    config: { imported: source },
    seed: 0,
    iterations: 0,
    backend: "unknown",
    precision: "unknown",
    commit: "unknown",
    machine: "unknown",
    cite,
  };
  const set = { ...whole, provenance };
  validateSyntheticSet(set, where);
  return set;
}

/** Images and labels in the order of the classes; images of one class stay in their order. */
function byClass(
  images: Float32Array,
  labels: Int32Array,
): { images: Float32Array; labels: Extract<SyntheticLabels, { kind: "hard" }> } {
  const order = Array.from(labels.keys()).sort((a, b) => labels[a]! - labels[b]! || a - b);
  const length = images.length / labels.length;
  const sorted = new Float32Array(images.length);
  order.forEach((from, to) => sorted.set(images.subarray(from * length, (from + 1) * length), to * length));
  return {
    images: sorted,
    labels: { kind: "hard", values: Int32Array.from(order, (from) => labels[from]!) },
  };
}

/** An export of this suite says all of itself; it must be of this data set. */
function checkOwnSet(set: SyntheticSet, dataset: ImageDataset, file: string): SyntheticSet {
  const [wanted, got] = [dataset, set].map(({ shape, classes }) => JSON.stringify([shape, classes]));
  if (wanted === got) return set;
  throw new DataError(
    `${file}: wanted a set of ${dataset.name}, ${dataset.shape.join("x")} in ${dataset.classes.length} classes, ` +
      `got ${hashSyntheticSet(set).slice(0, 8)} of ${set.provenance.dataset}, ${set.shape.join("x")} in ${set.classes.length}`,
  );
}
