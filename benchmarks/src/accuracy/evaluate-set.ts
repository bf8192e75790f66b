import {
  accuracy,
  createNetwork,
  disposeTrained,
  foldIn,
  InterruptedError,
  keyFromSeed,
  setTrainingData,
  trainNetwork,
  type ImageDataset,
  type Key,
  type Network,
  type Normalisation,
  type Recipe,
  type ScoreModel,
  type SyntheticSet,
  type TrainingData,
} from "@limbeck/core";
import { recipeFor, type Protocol } from "../protocol/protocol.ts";
import { checkComparable } from "./check-comparable.ts";

/** Where an evaluation stands. */
export interface EvaluationProgress {
  /** Networks finished, of `networks`. */
  readonly finished: number;
  readonly networks: number;
  /** Epochs finished over all networks, of `epochs`. */
  readonly epoch: number;
  readonly epochs: number;
  /** Training loss of the last epoch. */
  readonly loss: number;
}

/** One network's outcome. */
export interface SeedResult {
  /** Accuracy on the full test split. */
  readonly percent: number;
  /** Wall seconds of training and testing. */
  readonly seconds: number;
}

export interface EvaluationOptions {
  readonly protocol: Protocol;
  /** Name of the zoo. */
  readonly network: string;
  /** One fresh network each: its parameters, order and augmentation come from the seed alone. */
  readonly seeds: readonly number[];
  /** Scores every view of every batch in place of stored labels: an online teacher, or the model of projector labels. */
  readonly labelModel?: ScoreModel;
  /** Results of seeds that were evaluated earlier; they are not evaluated again. */
  readonly known?: ReadonlyMap<number, SeedResult>;
  readonly onProgress?: (progress: EvaluationProgress) => void;
  /** Called after each newly evaluated seed. */
  readonly onSeed?: (seed: number, result: SeedResult) => void;
  /** Aborting it stops between two training steps; the promise then rejects with {@link InterruptedError}. */
  readonly signal?: AbortSignal;
}

/** Accuracies in percent on the full test split, one a seed, in the order of the seeds. */
export interface Evaluation {
  readonly accuracy: readonly number[];
  /** Wall seconds of all its networks. */
  readonly seconds: number;
}

/**
 * Scores a set: for each seed a fresh network, trained on the set alone by the protocol, its last epoch tested on the whole
 * real test split. The test images get the normalisation that the set was made for.
 *
 * Same set, protocol, network, seeds, machine, back end and thread count: same accuracies.
 *
 * @throws {ConfigError} if set and data set do not belong together, or the network is unknown.
 */
export async function evaluateSet(
  set: SyntheticSet,
  dataset: ImageDataset,
  options: EvaluationOptions,
): Promise<Evaluation> {
  checkComparable(set, dataset);
  const network = networkFor(options.network, dataset);
  const training = setTrainingData(set, options.labelModel);
  try {
    const recipe = recipeFor(options.protocol, dataset, set.stepSize);
    const { normalisation } = set;
    return await evaluateSeeds({ network, data: training.data, recipe, normalisation, dataset }, options);
  } finally {
    training.dispose();
  }
}

/** The network of that name for a data set's images and classes. @throws {ConfigError} on an unknown name. */
export function networkFor(name: string, { shape, classes }: ImageDataset): Network {
  return createNetwork(name, { inputShape: shape, classes: classes.length });
}

interface Training {
  readonly network: Network;
  readonly data: TrainingData;
  readonly recipe: Recipe;
  readonly normalisation: Normalisation;
  readonly dataset: ImageDataset;
}

/** Trains and tests one network for each seed. */
export async function evaluateSeeds(
  training: Training,
  { seeds, known, onProgress, onSeed, signal }: Omit<EvaluationOptions, "network" | "protocol">,
): Promise<Evaluation> {
  const { epochs } = training.recipe;
  const results: SeedResult[] = [];
  for (const [finished, seed] of seeds.entries()) {
    let result = known?.get(seed);
    if (result === undefined) {
      const began = performance.now();
      const key = foldIn(keyFromSeed(seed), "evaluation");
      const percent = await trainAndTest(training, key, signal, (epoch, loss) =>
        onProgress?.({
          finished,
          networks: seeds.length,
          epoch: finished * epochs + epoch,
          epochs: seeds.length * epochs,
          loss,
        }),
      ).catch((error: unknown) => {
        if (signal?.aborted !== true) throw error;
        throw new InterruptedError(
          `evaluate: interrupted after ${finished} of ${seeds.length} networks; the same command goes on with the others`,
        );
      });
      result = { percent, seconds: (performance.now() - began) / 1000 };
      onSeed?.(seed, result);
    }
    results.push(result);
  }
  return {
    accuracy: results.map(({ percent }) => percent),
    seconds: results.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

async function trainAndTest(
  { network, data, recipe, normalisation, dataset }: Training,
  key: Key,
  signal: AbortSignal | undefined,
  onEpoch: (epoch: number, loss: number) => void,
): Promise<number> {
  const stop = signal === undefined ? {} : { signal };
  const trained = await trainNetwork({
    network,
    data,
    recipe,
    key,
    onEpoch: ({ epoch, loss }) => onEpoch(epoch, loss),
    ...stop,
  });
  try {
    const { theta, statistics } = trained;
    const tested = await accuracy({
      network,
      theta,
      ...(statistics === undefined ? {} : { statistics }),
      split: dataset.test,
      normalisation,
      ...stop,
    });
    return tested.percent;
  } finally {
    disposeTrained(trained);
  }
}
