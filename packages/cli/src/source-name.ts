import { ConfigError, type SyntheticSet } from "@limbeck/core";
import { datasets } from "@limbeck/datasets";

/**
 * Name of the data a set was made from.
 *
 * @param command Begins the message.
 * @throws {ConfigError} if it was a user's own, whose path is not known.
 */
export function sourceName(command: string, { provenance }: SyntheticSet): string {
  if (datasets.some(({ id }) => id === provenance.dataset)) return provenance.dataset;
  throw new ConfigError(
    `${command}: the set was made from "${provenance.dataset}", which is no data set known by name; give its path by --dataset`,
  );
}
