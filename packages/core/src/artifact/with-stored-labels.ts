import { validateSyntheticSet } from "../synthetic/validate-set.ts";
import { withLabels } from "../synthetic/with-labels.ts";
import { hardLabels } from "./preview.ts";
import type { SyntheticSet } from "../synthetic/synthetic-set.ts";
import type { StoredLabels } from "./label-file.ts";

/**
 * A set with labels that were kept apart from it; records of an open file stay in the file. Its provenance tells of them, under the key
 * `labels` of the configuration.
 *
 * @throws {DataError} if the labels belong to other images.
 */
export function withStoredLabels(set: SyntheticSet, labels: StoredLabels): SyntheticSet {
  const {
    images: _images,
    classes: _classes,
    ...described
  } = (labels.kind === "views" ? labels.views : labels.projector).header;
  const labelled = withLabels(set, { ...labels, values: hardLabels(set) }, described);
  validateSyntheticSet(labelled);
  return labelled;
}
