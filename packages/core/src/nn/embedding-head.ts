import { ConfigError } from "../errors.ts";
import type { Network, ParameterEntry } from "./network.ts";

/**
 * Weights of the last linear layer `[D, K]`: its input is the embedding, and θ up to its offset is the encoder alone.
 *
 * @param who Begins the message.
 * @throws {ConfigError} if the network does not end in a linear layer called `head`.
 */
export function embeddingHead(who: string, { name, parameters }: Network): ParameterEntry {
  const [weight, bias] = parameters.slice(-2);
  if (weight?.name === "head/weight" && bias?.name === "head/bias" && weight.shape.length === 2) {
    return weight;
  }
  throw new ConfigError(
    `${who}: wanted a network with an embedding, whose last layer is linear and called "head", got ${name}; choose one of the zoo`,
  );
}
