import { createHash } from "node:crypto";
import { z } from "zod";

/**
 * An evaluation protocol is data: name, version and everything that decides the number. Methods cannot reach into it;
 * a change of any value is a new version or a new name.
 */
export const protocolSchema = z.strictObject({
  /** Short name, lower case, such as `dsa`. */
  name: z.string().regex(/^[a-z][a-z0-9-]*$/),
  version: z.int().min(1),
  /** Paper or repository file the values come from. */
  source: z.string().min(1),
  /** Complete passes over the condensed set. */
  epochs: z.int().min(1),
  /** Images a step; the whole set where it is smaller. */
  batchSize: z.int().min(1),
  learningRate: z.number().positive(),
  momentum: z.number().min(0).max(1),
  weightDecay: z.number().min(0),
  /** 0-based epochs from whose start on the learning rate is multiplied by `factor` once more, ascending. */
  decayAt: z.array(z.int().min(1)),
  factor: z.number().positive().max(1),
  /** The reference code builds a new optimiser at each decay: momentum starts from zero again. */
  resetMomentum: z.boolean(),
  /** `dsa`: the strategy string of DSA, parameters drawn per image; the flip is left out where mirroring changes the class. */
  augmentation: z.enum(["none", "dsa"]),
  /** Which network counts. The last epoch: nothing is chosen on the test split. */
  selection: z.literal("last"),
});

/** @see protocolSchema */
export type Protocol = Readonly<z.output<typeof protocolSchema>>;

/** `name-vN`: how a protocol is called in records, tables and options. */
export function protocolId({ name, version }: Protocol): string {
  return `${name}-v${version}`;
}

/** SHA-256 over a protocol's values (its `source` aside), hexadecimal: tests pin it, so that a protocol cannot change unseen. */
export function protocolHash(protocol: Protocol): string {
  const { source: _source, ...values } = protocol;
  const sorted = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(sorted)).digest("hex");
}

/**
 * The same recipe with another number of epochs E and a name that says so: `dsa-v1` with 300 becomes `dsa-e300-v1`.
 * As in the reference loops E + 1 passes are made and the decay follows pass E/2 + 1 (0-based).
 */
export function withEpochs(protocol: Protocol, epochs: number): Protocol {
  return protocolSchema.parse({
    ...protocol,
    name: `${protocol.name}-e${epochs}`,
    epochs: epochs + 1,
    decayAt: protocol.decayAt.length > 0 && epochs >= 2 ? [halfwayDecay(epochs)] : [],
  });
}

/**
 * First 0-based epoch at the lower rate for a nominal epoch number E: the reference code trains epochs 0…E and lowers the
 * rate after epoch ⌊E/2⌋ + 1.
 */
export function halfwayDecay(epochs: number): number {
  return Math.floor(epochs / 2) + 2;
}
