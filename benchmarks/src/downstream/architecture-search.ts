import {
  accuracy,
  ConfigError,
  createNetwork,
  disposeTrained,
  foldIn,
  keyFromSeed,
  parseNetworkName,
  realImages,
  stratifiedSplit,
  subsetOfSplit,
  trainNetwork,
  type ImageDataset,
  type ImageSplit,
  type SyntheticSet,
} from "@limbeck/core";
import { evaluateCached } from "../accuracy/evaluate-cached.ts";
import { recipeFor, type Protocol } from "../protocol/protocol.ts";
import { rankCorrelation } from "../statistics/rank-correlation.ts";

/** The ConvNets to choose from: every combination. */
export interface SearchSpace {
  readonly depths: readonly number[];
  readonly widths: readonly number[];
  readonly activations: readonly string[];
  readonly norms: readonly string[];
  readonly poolings: readonly string[];
}

/** The 720 ConvNets of the published searches, in the words of network names. */
export const fullSearchSpace: SearchSpace = {
  depths: [1, 2, 3, 4],
  widths: [32, 64, 128, 256],
  activations: ["sigmoid", "relu", "leakyrelu"],
  norms: ["nonorm", "batch", "layer", "instance", "group"],
  poolings: ["nopool", "maxpool", "avgpool"],
};

/** Small networks of every kind that differs: minutes on two cores. */
export const smallSearchSpace: SearchSpace = {
  depths: [1, 2, 3],
  widths: [8, 16],
  activations: ["relu"],
  norms: ["nonorm", "instance"],
  poolings: ["maxpool", "avgpool"],
};

/** Names of all networks of a space. @throws {ConfigError} on a word that names no option. */
export function searchSpaceNetworks(space: SearchSpace): string[] {
  const names = space.depths.flatMap((depth) =>
    space.widths.flatMap((width) =>
      space.norms.flatMap((norm) =>
        space.poolings.flatMap((pooling) =>
          space.activations.map((activation) => `convnet${depth}-w${width}-${norm}-${pooling}-${activation}`),
        ),
      ),
    ),
  );
  for (const name of names) parseNetworkName(name);
  return names;
}

export interface SearchOptions {
  readonly networks: readonly string[];
  /** How networks are trained on the set. */
  readonly proxy: Protocol;
  /** How the best are trained on the real training images; an epoch there is long. */
  readonly reference: Protocol;
  /** Networks that the proxy ranks best, trained on the real images too. */
  readonly top: number;
  readonly seed: number;
  /** Share of the real training images that ranks are measured on; never the test split. */
  readonly validation?: number;
  /** Where finished trainings are kept; the same search goes on there. */
  readonly folder: string;
  /** Called after each epoch on real images. */
  readonly onEpoch?: (network: string, epoch: number, loss: number) => void;
  readonly signal?: AbortSignal;
}

/** One network of a search; accuracies in percent on the validation part. */
export interface SearchedNetwork {
  readonly network: string;
  readonly proxy: number;
  /** Of those that the proxy ranks best only. */
  readonly reference?: number;
}

export interface SearchResult {
  /** Best first, by the proxy. */
  readonly networks: readonly SearchedNetwork[];
  /** Spearman's rank correlation of proxy and reference over the best; NaN if one of them has no spread. */
  readonly correlation: number;
  /** The network that the proxy chose, trained on the real images: percent on the test split. */
  readonly chosen: { readonly network: string; readonly test: number };
  /** Wall seconds of all trainings on the set, and of those on real images. */
  readonly seconds: { readonly proxy: number; readonly reference: number };
}

/**
 * Chooses a network on a condensed set: every network is trained on the set and ranked on held-out real training images, the
 * best are trained on the real images too, and the two rankings are compared.
 *
 * Differs: published searches rank on the test split; here it is only touched by the network chosen in the end.
 *
 * @throws {ConfigError} if fewer than two networks are to be compared, or a network does not take such images.
 * @see Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching" (ICLR 2021), section 4.2.
 */
export async function architectureSearch(
  set: SyntheticSet,
  dataset: ImageDataset,
  options: SearchOptions,
): Promise<SearchResult> {
  const { networks, top, seed, validation = 0.1, signal } = options;
  if (top < 2 || networks.length < top) {
    throw new ConfigError(
      `architectureSearch: wanted at least 2 best of at least as many networks, got ${top} of ${networks.length}`,
    );
  }
  const input = { inputShape: dataset.shape, classes: dataset.classes.length };
  for (const name of networks) createNetwork(name, input);
  const parts = stratifiedSplit(dataset.train.labels, validation, foldIn(keyFromSeed(seed), "validation"));
  const heldOut: ImageDataset = {
    ...dataset,
    train: subsetOfSplit(dataset.train, parts.train),
    test: subsetOfSplit(dataset.train, parts.validation),
  };
  const stop = signal === undefined ? {} : { signal };
  const seconds = { proxy: 0, reference: 0 };

  const ranked: SearchedNetwork[] = [];
  for (const network of networks) {
    const { record } = await evaluateCached(set, heldOut, options.folder, 0, {
      protocol: options.proxy,
      network,
      seeds: [seed],
      ...stop,
    });
    seconds.proxy += record.seconds.evaluate;
    ranked.push({ network, proxy: record.accuracy[0]! });
  }
  ranked.sort((a, b) => b.proxy - a.proxy);

  const trainOnReal = async (name: string, tests: readonly ImageSplit[]): Promise<number[]> => {
    const began = performance.now();
    const network = createNetwork(name, input);
    const { normalisation } = dataset;
    const trained = await trainNetwork({
      network,
      data: { images: realImages(heldOut), labels: heldOut.train.labels },
      recipe: recipeFor(options.reference, dataset),
      key: foldIn(keyFromSeed(seed), "evaluation"),
      onEpoch: ({ epoch, loss }) => options.onEpoch?.(name, epoch, loss),
      ...stop,
    });
    try {
      const percents: number[] = [];
      for (const split of tests) {
        const { theta, statistics } = trained;
        const fixed = statistics === undefined ? {} : { statistics };
        percents.push((await accuracy({ network, theta, ...fixed, split, normalisation, ...stop })).percent);
      }
      return percents;
    } finally {
      disposeTrained(trained);
      seconds.reference += (performance.now() - began) / 1000;
    }
  };
  const best: (SearchedNetwork & { readonly reference: number })[] = [];
  let test = NaN;
  for (const [rank, each] of ranked.slice(0, top).entries()) {
    const splits = rank === 0 ? [heldOut.test, dataset.test] : [heldOut.test];
    const [reference, onTest] = await trainOnReal(each.network, splits);
    best.push({ ...each, reference: reference! });
    if (rank === 0) test = onTest!;
  }
  return {
    networks: [...best, ...ranked.slice(top)],
    correlation: rankCorrelation(
      best.map(({ proxy }) => proxy),
      best.map(({ reference }) => reference),
    ),
    chosen: { network: best[0]!.network, test },
    seconds,
  };
}
