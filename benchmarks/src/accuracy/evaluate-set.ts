import {
  createNetwork,
  foldIn,
  InterruptedError,
  keyFromSeed,
  setTrainingData,
  type ImageDataset,
  type Network,
  type PartStore,
  type ScoreModel,
  type SyntheticSet,
} from "@limbeck/core";
import { recipeFor, type Protocol } from "../protocol/protocol.ts";
import { checkComparable } from "./check-comparable.ts";
import { labelledSet } from "./labelled-set.ts";
import { trainAndTest, type Training } from "./train-and-test.ts";
import { tunedRecipe, tuneRecipe, type Tuned } from "./tune-recipe.ts";

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
  /** What an earlier call chose for this set under this protocol. */
  readonly knownTuning?: Tuned | undefined;
  /** Called when learning rate and epochs have been chosen anew. */
  readonly onTuned?: (tuned: Tuned) => void;
  /** Where teachers of protocols that have one are kept. Default: the memory of this process. */
  readonly parts?: PartStore;
  /** Called after each newly evaluated seed. */
  readonly onSeed?: (seed: number, result: SeedResult) => void;
  /** Aborting it stops between two training steps; the promise then rejects with {@link InterruptedError}. */
  readonly signal?: AbortSignal;
}

/** Accuracies in percent on the full test split, one a seed, in the order of the seeds. */
export interface Evaluation {
  readonly accuracy: readonly number[];
  /** Wall seconds of all its networks, and of choosing. */
  readonly seconds: number;
  /** What was chosen, under a protocol that chooses. */
  readonly tuned?: Tuned;
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
  const labelled = await labelledSet(set, dataset, options.protocol, options.parts, options.signal);
  // A protocol that says where labels come from says it for every set.
  const own = options.protocol.labels === undefined;
  const training = setTrainingData(labelled, own ? options.labelModel : undefined);
  try {
    const recipe = recipeFor(options.protocol, dataset, set);
    const { normalisation } = set;
    return await evaluateTuned({ network, data: training.data, recipe, normalisation, dataset }, options);
  } finally {
    training.dispose();
  }
}

/** The network of that name for a data set's images and classes. @throws {ConfigError} on an unknown name. */
export function networkFor(name: string, { shape, classes }: ImageDataset): Network {
  return createNetwork(name, { inputShape: shape, classes: classes.length });
}

/** Chooses what the protocol wants chosen, then trains and tests one network for each seed. */
export async function evaluateTuned(training: Training, options: EvaluationOptions): Promise<Evaluation> {
  const { protocol, knownTuning, onTuned, onProgress, seeds, signal } = options;
  if (protocol.tune === undefined) return evaluateSeeds(training, options);
  const began = performance.now();
  let tuned = knownTuning;
  if (tuned === undefined) {
    tuned = await tuneRecipe(training, protocol.tune, signal, (epoch, epochs, loss) =>
      onProgress?.({ finished: 0, networks: seeds.length, epoch, epochs, loss }),
    ).catch((error: unknown) => {
      if (signal?.aborted !== true) throw error;
      throw new InterruptedError(
        "evaluate: interrupted while the learning rate was chosen; the same command chooses again",
      );
    });
    onTuned?.(tuned);
  }
  const seconds = (performance.now() - began) / 1000;
  const result = await evaluateSeeds({ ...training, recipe: tunedRecipe(training.recipe, tuned) }, options);
  return { ...result, seconds: result.seconds + seconds, tuned };
}

/** Trains and tests one network for each seed. */
async function evaluateSeeds(
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
      const percent = await trainAndTest(training, training.dataset.test, key, signal, (epoch, loss) =>
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
