import {
  accuracy,
  disposeTrained,
  trainNetwork,
  type ImageDataset,
  type ImageSplit,
  type Key,
  type Network,
  type Normalisation,
  type Recipe,
  type TrainingData,
} from "@limbeck/core";

/** What networks are trained on and how. */
export interface Training {
  readonly network: Network;
  readonly data: TrainingData;
  readonly recipe: Recipe;
  readonly normalisation: Normalisation;
  readonly dataset: ImageDataset;
}

/** Trains one fresh network. @returns Its accuracy on a split, in percent. */
export async function trainAndTest(
  { network, data, recipe, normalisation }: Training,
  split: ImageSplit,
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
      split,
      normalisation,
      ...stop,
    });
    return tested.percent;
  } finally {
    disposeTrained(trained);
  }
}
