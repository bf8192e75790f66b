import type { SyntheticLabels, SyntheticSet } from "./synthetic-set.ts";

/**
 * A set with other labels; its provenance says which, under the key `labels` of the configuration, so that records tell sets apart.
 */
export function withLabels(
  set: SyntheticSet,
  labels: SyntheticLabels,
  description: Readonly<Record<string, unknown>>,
): SyntheticSet {
  const { provenance } = set;
  const config = { ...provenance.config, labels: description };
  return { ...set, labels, provenance: { ...provenance, config } };
}
