import {
  ConfigError,
  foldIn,
  keyFromSeed,
  normalisationDigest,
  RunError,
  trainingPositions,
  type PreparedArrays,
  type PreparedPart,
  type RunContext,
  numbersOf,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import type { ExpertConfig } from "./expert-config.ts";
import { decodeSnapshot, encodeSnapshot, vector } from "./snapshot-codec.ts";
import { trainEpoch } from "./train-epoch.ts";

/** Raise it when training changes its bits: experts that were made before are then not found any more. */
const VERSION = 1;

/** What decides the experts of a run. */
export type ExpertChoice = ExpertConfig & { readonly network: string };

/**
 * The experts as parts to prepare: one part an epoch and expert, each starting from the one before, epoch 0 being the fresh
 * parameters. So training resumes after any epoch, more experts or epochs are added without making the first anew, and all runs
 * with the same recipe share them, whatever the method.
 *
 * With a 16-bit storage an expert goes on from what was stored: its snapshots are exactly its own trajectory.
 *
 * @param epochs Of every expert.
 * @throws {ConfigError} if the network is unknown or uses batch normalisation.
 */
export function expertParts(context: RunContext, config: ExpertChoice, epochs: number): PreparedPart[] {
  const network = context.network(config.network);
  if (network.usesBatchStatistics) {
    throw new ConfigError(
      `trajectory matching: network ${network.name} uses batch normalisation, whose statistics are no parameters to match; ` +
        `choose another norm, such as instance`,
    );
  }
  const { dataset } = context;
  const positions = trainingPositions(context.dataset, config.validationShare);
  const recipe = recipeOf(config);
  const passes = 3 * (config.sharpnessRadius > 0 ? 2 : 1) * (config.gradientPenalty > 0 ? 4 : 1);
  const vectorBytes = 4 * network.parameterCount;
  const snapshotBytes = config.expertStorage === "float32" ? vectorBytes : vectorBytes / 2;
  const identity = {
    kind: "expert",
    version: VERSION,
    dataset: { sha256: dataset.sha256, normalisation: normalisationDigest(dataset.normalisation) },
    network: network.name,
    recipe,
    seed: config.expertSeed,
  };

  const part = (expert: number, epoch: number): PreparedPart => ({
    name: partName(expert, epoch),
    identity: { ...identity, expert, epoch },
    multiplyAdds: epoch === 0 ? 0 : passes * network.multiplyAdds * positions.length,
    bytes:
      (epoch === 0 ? vectorBytes : snapshotBytes) +
      (epoch > 0 && config.expertMomentum > 0 ? vectorBytes : 0),
    async make(signal, prepared): Promise<PreparedArrays> {
      const key = foldIn(foldIn(keyFromSeed(config.expertSeed), "expert"), expert);
      if (epoch === 0) {
        return { theta: vector(numbersOf(() => network.init(foldIn(key, "init")))) };
      }
      const before = prepared(partName(expert, epoch - 1));
      const { theta, velocity, loss } = await trainEpoch({
        context,
        network,
        config,
        positions,
        epoch: epoch - 1,
        key,
        theta: parametersOf(prepared, config, expert, epoch - 1),
        velocity: before["velocity"]?.data as Float32Array | undefined,
        signal,
      });
      const base = parametersOf(prepared, config, expert, 0);
      return {
        ...encodeSnapshot(theta, base, config.expertStorage),
        ...(velocity === undefined ? {} : { velocity: vector(velocity) }),
        loss: vector(Float32Array.of(loss)),
      };
    },
  });
  return Array.from({ length: config.experts }, (_, expert) =>
    Array.from({ length: epochs + 1 }, (_, epoch) => part(expert, epoch)),
  ).flat();
}

/**
 * An expert's parameters after so many epochs, `[P]`. The caller owns the tensor.
 *
 * @throws {RunError} if the run was not prepared.
 */
export function expertSnapshot(
  context: RunContext,
  config: ExpertChoice,
  expert: number,
  epoch: number,
): tf.Tensor1D {
  const { prepared } = context;
  if (prepared === undefined)
    throw new RunError("trajectory matching: the experts of this run were not prepared");
  // A copy: some back ends keep the array they are given.
  return tf.tensor1d(parametersOf(prepared, config, expert, epoch).slice());
}

function parametersOf(
  prepared: (name: string) => PreparedArrays,
  { expertStorage }: ExpertConfig,
  expert: number,
  epoch: number,
): Float32Array {
  const base = prepared(partName(expert, 0))["theta"]!.data as Float32Array;
  if (epoch === 0) return base;
  const name = partName(expert, epoch);
  return decodeSnapshot(prepared(name), base, expertStorage, name);
}

function partName(expert: number, epoch: number): string {
  return `expert ${expert}, epoch ${epoch}`;
}

/** What decides the bits of an expert besides data, network and seed. Not how many there are, nor how long they go on. */
function recipeOf(config: ExpertConfig): Readonly<Record<string, unknown>> {
  return Object.fromEntries(RECIPE_KEYS.map((key) => [key, config[key]]));
}

const RECIPE_KEYS = [
  "expertLearningRate",
  "expertMomentum",
  "expertWeightDecay",
  "expertBatch",
  "expertAugmentation",
  "expertDropEpoch",
  "expertDropFactor",
  "sharpnessRadius",
  "surrogateWeight",
  "lossRampEpochs",
  "gradientPenalty",
  "expertStorage",
  "validationShare",
] as const satisfies readonly (keyof ExpertConfig)[];
