import { realImages, type ImageDataset } from "@limbeck/core";
import { recipeFor } from "../protocol/protocol.ts";
import { evaluateSeeds, networkFor, type Evaluation, type EvaluationOptions } from "./evaluate-set.ts";

/**
 * The upper bound: the same protocol on the whole training split, read batch by batch. Its epochs are the protocol's; take a
 * protocol with fewer (`dsa-e30-v1`), since an epoch here is hundreds of times longer than one over a condensed set.
 */
export async function evaluateFullData(
  dataset: ImageDataset,
  options: EvaluationOptions,
): Promise<Evaluation> {
  const training = {
    network: networkFor(options.network, dataset),
    data: { images: realImages(dataset), labels: dataset.train.labels },
    recipe: recipeFor(options.protocol, dataset),
    normalisation: dataset.normalisation,
    dataset,
  };
  return evaluateSeeds(training, options);
}
