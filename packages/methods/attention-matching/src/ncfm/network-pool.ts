import * as tf from "@tensorflow/tfjs-core";
import {
  foldIn,
  integers,
  recipeSchema,
  RunError,
  trainedNetworkPart,
  uniform,
  type Key,
  type PreparedPart,
  type Recipe,
  type RunContext,
} from "@limbeck/core";
import type { NcfmConfig } from "./config.ts";

/**
 * How a network of the pool is trained: SGD 0.01, momentum 0.9, decay 5e-4, batch 128, ×0.2 after two thirds and five sixths,
 * colour and shift on every batch, CutMix on half of them.
 *
 * @see gszfwsb/NCFM, pretrain/pretrain_script.py and config/ipc10/cifar10.yaml.
 */
export function poolRecipe(epochs: number): Recipe {
  const drops = [Math.floor((2 * epochs) / 3), Math.floor((5 * epochs) / 6)];
  return recipeSchema.parse({
    learningRate: 0.01,
    momentum: 0.9,
    weightDecay: 5e-4,
    epochs,
    batchSize: 128,
    schedule: { kind: "steps", at: drops.filter((epoch) => epoch >= 1), factor: 0.2 },
    augmentation: "color+crop",
    mixing: { kind: "cutmix", probability: 0.5 },
  });
}

/** The pool as parts to prepare, `pool/0`, `pool/1`, …: every network is made, kept and found on its own. */
export function poolParts(
  context: RunContext,
  { network, poolNetworks, poolEpochs, poolSeed }: NcfmConfig,
): PreparedPart[] {
  const recipe = poolRecipe(poolEpochs);
  return Array.from({ length: poolNetworks }, (_, index) =>
    trainedNetworkPart(context, { part: `pool/${index}`, network, recipe, seed: poolSeed, index }),
  );
}

/** Parameters for one iteration. */
export interface Extractor {
  /** What features are computed with, `[P]`. */
  readonly theta: tf.Tensor1D;
  /** The trained network that it came from, `[P]`. */
  readonly trained: tf.Tensor1D;
}

/**
 * A random network of the pool: θ = l·θ_initial + (1 − l)·θ_trained, l ~ U[0, 1), or either end. Call it inside `tf.tidy`.
 *
 * @throws {RunError} if the run was not prepared.
 */
export function drawExtractor(context: RunContext, config: NcfmConfig, key: Key): Extractor {
  const [index] = integers(foldIn(key, "network"), 1, 0, config.poolNetworks);
  const { initial, trained } = poolNetwork(context, index!);
  const [drawn] = uniform(foldIn(key, "blend"), 1);
  const share = { blend: drawn!, initial: 1, trained: 0 }[config.extractor];
  return { theta: tf.add(tf.mul(initial, share), tf.mul(trained, 1 - share)), trained };
}

/** Both snapshots of one network of the pool. @throws {RunError} if the run was not prepared. */
export function poolNetwork(
  context: RunContext,
  index: number,
): { readonly initial: tf.Tensor1D; readonly trained: tf.Tensor1D } {
  if (context.prepared === undefined) {
    throw new RunError(
      "ncfm: the pool of networks was not prepared; use distill(), or prepareContext() before init",
    );
  }
  const arrays = context.prepared(`pool/${index}`);
  const vector = (name: string): tf.Tensor1D => tf.tensor1d(arrays[name]!.data.slice(), "float32");
  return { initial: vector("initial"), trained: vector("trained") };
}
