import { realImages } from "../dataset/real-images.ts";
import type { ImageDataset } from "../dataset/image-dataset.ts";
import type { RunContext } from "../method/method.ts";
import { createNetwork } from "../nn/create-network.ts";
import type { Network } from "../nn/network.ts";
import { keyFromSeed } from "../random/key.ts";

/** What the steps of a run may use: the data, its images as tensors, the run's key, networks for its shape and classes. */
export function createRunContext(dataset: ImageDataset, seed: number): RunContext {
  const networks = new Map<string, Network>();
  return {
    dataset,
    real: realImages(dataset),
    key: keyFromSeed(seed),
    network(name) {
      const network =
        networks.get(name) ??
        createNetwork(name, { inputShape: dataset.shape, classes: dataset.classes.length });
      networks.set(name, network);
      return network;
    },
  };
}
