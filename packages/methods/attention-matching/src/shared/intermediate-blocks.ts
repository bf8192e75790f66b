import { ConfigError } from "@limbeck/core";

/**
 * What a network computed in every block but the last: the layers whose attention is matched.
 *
 * @param maps One entry a block, as the network returned them; undefined where it has no blocks.
 * @param remedy Ends the message, such as `set attentionWeight to 0`.
 * @throws {ConfigError} if fewer than two blocks have maps.
 */
export function intermediateBlocks<T>(
  maps: readonly T[] | undefined,
  method: string,
  network: string,
  remedy: string,
): readonly T[] {
  if (maps !== undefined && maps.length >= 2) return maps.slice(0, -1);
  throw new ConfigError(
    `${method}: network ${network} has ${maps?.length ?? 0} blocks with activation maps; ` +
      `attention matching needs at least 2. Choose a deeper network or ${remedy}`,
  );
}
