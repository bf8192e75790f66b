import type * as tf from "@tensorflow/tfjs-core";
import { ConfigError } from "../errors.ts";
import type { RunContext } from "../method/method.ts";
import type { PreparedPart } from "../method/prepared-part.ts";
import { foldIn, keyFromSeed } from "../random/key.ts";
import type { Recipe } from "./recipe.ts";
import { disposeTrained } from "./train-epochs.ts";
import { trainNetwork } from "./train-network.ts";
import { dataIdentity } from "./training-parts.ts";

/** Raise it when training changes its bits: parts that were made before are then not found any more. */
const VERSION = 1;

export interface TrainedNetworkOptions {
  /** Name of the part within the run. */
  readonly part: string;
  /** Name of the zoo. Networks with batch normalisation are refused: their running statistics are not kept. */
  readonly network: string;
  readonly recipe: Recipe;
  readonly seed: number;
  /** Which of the networks of this seed. */
  readonly index: number;
}

/**
 * A network trained on the whole training split, as a part to prepare: arrays `initial` and `trained`, `[P]` each, its
 * parameters before and after.
 *
 * @throws {ConfigError} if the network is unknown or uses batch normalisation.
 */
export function trainedNetworkPart(context: RunContext, options: TrainedNetworkOptions): PreparedPart {
  const { part, recipe, seed, index } = options;
  const { dataset, real } = context;
  const network = context.network(options.network);
  if (network.usesBatchStatistics) {
    throw new ConfigError(
      `${part}: network ${network.name} uses batch normalisation, which a pool of trained networks cannot have; choose another norm, such as instance`,
    );
  }
  return {
    name: part,
    identity: {
      kind: "trained-network",
      version: VERSION,
      ...dataIdentity(dataset),
      network: network.name,
      recipe,
      seed,
      index,
    },
    multiplyAdds: 3 * network.multiplyAdds * dataset.train.size * recipe.epochs,
    bytes: 2 * 4 * network.parameterCount,
    async make(signal) {
      const key = foldIn(foldIn(keyFromSeed(seed), "trained network"), index);
      const initial = network.init(foldIn(key, "init"));
      try {
        const trained = await trainNetwork({
          network,
          data: { images: real, labels: dataset.train.labels },
          recipe,
          key,
          theta: initial,
          signal,
        });
        const theta = await arrayOf(trained.theta);
        disposeTrained(trained);
        return { initial: await arrayOf(initial), trained: theta };
      } finally {
        initial.dispose();
      }
    },
  };
}

async function arrayOf(vector: tf.Tensor1D): Promise<{ shape: number[]; data: Float32Array }> {
  return { shape: vector.shape, data: Float32Array.from(await vector.data()) };
}
