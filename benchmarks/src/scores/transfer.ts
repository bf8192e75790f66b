/** Accuracies in percent of one network, one a seed, of the set and of random images under the same seeds. */
export interface TransferTarget {
  readonly network: string;
  readonly set: readonly number[];
  readonly random: readonly number[];
}

/** How a set serves networks that it was not made with. */
export interface Transfer {
  /** Network that the set was made with. */
  readonly source: string;
  /** Mean over all networks. */
  readonly mean: number;
  /** The lowest of their means, and whose it is. */
  readonly worst: { readonly network: string; readonly accuracy: number };
  /** Mean over the networks other than the source, over the source's accuracy. */
  readonly ratio: number;
  /** Mean accuracy above that of random images, by network: what helps one network alone shows here. */
  readonly gains: Readonly<Record<string, number>>;
}

/**
 * Cross-architecture transfer.
 *
 * @throws {RangeError} if the source is not among the targets, or there is no other.
 */
export function transferOf(source: string, targets: readonly TransferTarget[]): Transfer {
  const means = targets.map(({ network, set, random }) => ({
    network,
    accuracy: average(set),
    gain: average(set) - average(random),
  }));
  const own = means.find(({ network }) => network === source);
  const others = means.filter(({ network }) => network !== source);
  if (own === undefined || others.length === 0) {
    throw new RangeError(
      `transferOf: wanted ${source} and at least one other network, got ${targets.map(({ network }) => network).join(", ") || "none"}`,
    );
  }
  const { network, accuracy } = means.reduce((worst, each) =>
    each.accuracy < worst.accuracy ? each : worst,
  );
  return {
    source,
    mean: average(means.map(({ accuracy }) => accuracy)),
    worst: { network, accuracy },
    ratio: average(others.map(({ accuracy }) => accuracy)) / own.accuracy,
    gains: Object.fromEntries(means.map(({ network, gain }) => [network, gain])),
  };
}

function average(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("transferOf: a network has no accuracy");
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
