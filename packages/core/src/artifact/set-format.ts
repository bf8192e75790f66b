import { z } from "zod";
import type { Normalisation } from "../dataset/image-dataset.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import type { StoredLabels } from "./label-file.ts";

/**
 * Newest version of `set.arrow`: readers refuse newer ones. A set is written with the lowest that says all of it: 3 where its labels
 * belong to views or come from a projector, 2 where it has a `factor`, without which a reader would train on the wrong images; 1
 * otherwise.
 */
export const SET_FORMAT = 3;
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

/** Checks the description of a file of this format. @throws {z.ZodError} naming what is missing or wrong. */
export function parseDescription(value: unknown): SetDescription {
  return descriptionSchema.parse(value);
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
