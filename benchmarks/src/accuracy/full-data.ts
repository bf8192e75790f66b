import { realImages, type ImageDataset } from "@limbeck/core";
import { recipeFor } from "../protocol/protocol.ts";
import { evaluateTuned, networkFor, type Evaluation, type EvaluationOptions } from "./evaluate-set.ts";
import { heldOut } from "./tune-recipe.ts";

/**
 * The upper bound: the same protocol on the whole training split, read batch by batch. Its epochs are the protocol's; take a
 * protocol with fewer (`dsa-e30-v1`), since an epoch here is hundreds of times longer than one over a condensed set. Labels are the
 * real ones, whatever the protocol says of those of sets; images that choose the learning rate are not trained on.
 */
export async function evaluateFullData(
  dataset: ImageDataset,
  options: EvaluationOptions,
): Promise<Evaluation> {
  const { protocol } = options;
  const positions =
    protocol.tune === undefined ? {} : { positions: keptIn(dataset, protocol.tune.validation) };
  const training = {
    network: networkFor(options.network, dataset),
    data: { images: realImages(dataset), labels: dataset.train.labels, ...positions },
    recipe: recipeFor(protocol, dataset),
    normalisation: dataset.normalisation,
    dataset,
  };
  return evaluateTuned(training, options);
}

function keptIn(dataset: ImageDataset, share: number): Int32Array {
  const held = new Set(heldOut({ dataset }, share));
  return Int32Array.from({ length: dataset.train.size }, (_, i) => i).filter((i) => !held.has(i));
}
