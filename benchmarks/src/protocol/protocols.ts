import { ConfigError } from "@limbeck/core";
import { halfwayDecay, protocolId, protocolSchema, withEpochs, type Protocol } from "./protocol.ts";

const sgd = {
  learningRate: 0.01,
  momentum: 0.9,
  weightDecay: 5e-4,
  factor: 0.1,
  resetMomentum: true,
} as const;

function nominal(
  name: string,
  epochs: number,
  batchSize: number,
  augmentation: "none" | "dsa",
  source: string,
): Protocol {
  return protocolSchema.parse({
    name,
    version: 1,
    source,
    epochs: epochs + 1,
    batchSize,
    ...sgd,
    decayAt: [halfwayDecay(epochs)],
    augmentation,
    selection: "last",
  });
}

/**
 * The published protocols of the matching family, by id.
 *
 * Differs: the MNIST runs of DC use an augmentation of their own (shift, scale, rotate); `dc-v1` has none.
 * Differs: DataDAM's code reports its best checkpoint on the test split; here the last epoch counts.
 */
export const protocols: Readonly<Record<string, Protocol>> = Object.fromEntries(
  [
    nominal("dc", 300, 256, "none", "Zhao, Mopuri and Bilen 2021; VICO-UoE/DatasetCondensation utils.py"),
    nominal("dsa", 1000, 256, "dsa", "Zhao and Bilen 2021; VICO-UoE/DatasetCondensation utils.py"),
    nominal("datadam", 1800, 64, "dsa", "Sajedi et al. 2023; DataDistillation/DataDAM main_DataDAM.py"),
    // For `pnpm start`: the DSA recipe, shortened until a demonstration ends within minutes.
    {
      ...withEpochs(nominal("dsa", 1000, 256, "dsa", "dsa-v1, shortened for the first demonstration"), 200),
      name: "start",
    },
  ].map((protocol) => [protocolId(protocol), protocol]),
);

/**
 * The protocol called `id`: one of {@link protocols}, or one of them with other epochs, spelt `dsa-e300-v1`.
 *
 * @throws {ConfigError} on an unknown id, naming the known ones.
 */
export function protocolNamed(id: string): Protocol {
  const known = protocols[id];
  if (known !== undefined) return known;
  const [, name, epochs, version] = /^([a-z-]+)-e([1-9]\d{0,5})-v(\d+)$/.exec(id) ?? [];
  const base = protocols[`${name}-v${version}`];
  if (base !== undefined) return withEpochs(base, Number(epochs));
  throw new ConfigError(
    `protocol: unknown "${id}"; known: ${Object.keys(protocols).join(", ")}, or with other epochs such as dsa-e300-v1`,
  );
}
