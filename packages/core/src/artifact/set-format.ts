import { z } from "zod";
import type { Normalisation } from "../dataset/image-dataset.ts";
import { DataError } from "../errors.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import type { StoredLabels } from "./label-file.ts";

/**
 * Newest version of `set.arrow`: readers refuse newer ones. A set is written with the lowest that says all of it: 3 where its labels
 * belong to views or come from a projector, 2 where it has a `factor`, without which a reader would train on the wrong images; 1
 * otherwise.
 */
const SET_FORMAT = 3;
/** Schema metadata key of the description, a JSON text of {@link SetDescription}. */
export const DESCRIPTION_KEY = "limbeck";
/** Schema metadata key of the checksum over the file, see `sealBytes`. */
export const SEAL_KEY = "limbeck.seal";
/** Name of the binary column of labels of views or of a projector, a block of `encodeLabels` in the first row. */
export const LABELS_COLUMN = "stored_labels";
/** Names of the binary columns of a ZCA normalisation; they hold their value in the first row and null in the others. */
export const ZCA_COLUMNS = { mean: "zca_mean", whiten: "zca_whiten", unwhiten: "zca_unwhiten" } as const;

const descriptionSchema = z.object({
  format: z.int(),
  size: z.int().min(1),
  shape: z.tuple([z.int().min(1), z.int().min(1), z.int().min(1)]),
  classes: z.array(z.string()).min(1),
  labels: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("hard") }),
    z.object({ kind: z.literal("soft"), space: z.enum(["probabilities", "logits"]) }),
    z.object({ kind: z.literal("views") }),
    z.object({ kind: z.literal("projector") }),
  ]),
  normalisation: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("mean-std"), mean: z.array(z.number()), std: z.array(z.number()) }),
    z.object({ kind: z.literal("zca") }),
  ]),
  augmentation: z.string(),
  factor: z.number().optional(),
  stepSize: z.number().optional(),
  provenance: z.object({
    method: z.string(),
    dataset: z.string(),
    datasetSha256: z.string(),
    ipc: z.number(),
    config: z.record(z.string(), z.unknown()),
    seed: z.number(),
    iterations: z.number(),
    backend: z.string(),
    precision: z.string(),
    commit: z.string(),
    machine: z.string(),
    cite: z.string(),
  }),
});

/** Everything of a set but its arrays: what `set.arrow` keeps as schema metadata. */
export type SetDescription = z.infer<typeof descriptionSchema>;

/** Description of a set, ready for JSON. */
export function describeSet(set: SyntheticSet): SetDescription {
  const { size, shape, classes, labels, normalisation, augmentation, factor, stepSize, provenance } = set;
  return {
    format: formatOf(set),
    size,
    shape: [...shape],
    classes: [...classes],
    labels: labels.kind === "soft" ? { kind: "soft", space: labels.space } : { kind: labels.kind },
    normalisation:
      normalisation.kind === "zca"
        ? { kind: "zca" }
        : { kind: "mean-std", mean: [...normalisation.mean], std: [...normalisation.std] },
    augmentation,
    ...(factor === undefined ? {} : { factor }),
    ...(stepSize === undefined ? {} : { stepSize }),
    provenance: { ...provenance, config: { ...provenance.config } },
  };
}

function formatOf({ labels, factor }: SyntheticSet): number {
  if (labels.kind === "views" || labels.kind === "projector") return SET_FORMAT;
  return factor === undefined ? 1 : 2;
}

/**
 * The description that a file keeps as text.
 *
 * @throws {DataError} if it is of a newer version or describes no set.
 */
export function readDescription(path: string, text: string): SetDescription {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damagedSet(path, `the metadata key "${DESCRIPTION_KEY}" is not JSON`, error);
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === "number" && format > SET_FORMAT) {
    throw new DataError(
      `${path}: the set has format ${format}, this version reads up to ${SET_FORMAT}; update Limbeck`,
    );
  }
  try {
    return descriptionSchema.parse(value);
  } catch (error) {
    throw damagedSet(path, `the metadata key "${DESCRIPTION_KEY}" does not describe a set`, error);
  }
}

/** The arrays of a set and its pictures, as stored. */
export interface SetArrays {
  readonly images: Float32Array;
  readonly labels: Int32Array | Float32Array;
  readonly pngs: readonly Uint8Array[];
  /** Labels of views or of a projector. */
  readonly stored?: StoredLabels;
  readonly zca?: Extract<Normalisation, { kind: "zca" }>;
}

/** A set of its description and its arrays. Nothing is checked. */
export function assembleSet(description: SetDescription, arrays: Omit<SetArrays, "pngs">): SyntheticSet {
  const { images, zca } = arrays;
  const { size, shape, classes, augmentation, factor, stepSize, provenance } = description;
  const normalisation = description.normalisation.kind === "zca" ? zca! : description.normalisation;
  return {
    images,
    size,
    shape,
    classes,
    labels: assembleLabels(description.labels, arrays),
    normalisation: normalisation satisfies Normalisation,
    augmentation,
    ...(factor === undefined ? {} : { factor }),
    ...(stepSize === undefined ? {} : { stepSize }),
    provenance,
  };
}

function assembleLabels(
  description: SetDescription["labels"],
  { labels, stored }: Omit<SetArrays, "pngs">,
): SyntheticSet["labels"] {
  if (description.kind === "soft") {
    return { kind: "soft", values: labels as Float32Array, space: description.space };
  }
  return stored === undefined
    ? { kind: "hard", values: labels as Int32Array }
    : { ...stored, values: labels as Int32Array };
}

/** What a file with wrong content is met with. */
export function damagedSet(path: string, what: string, cause: unknown): DataError {
  return new DataError(`${path}: the file is damaged: ${what}; copy or distil it again`, { cause });
}
