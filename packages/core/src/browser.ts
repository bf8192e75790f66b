// The part of core that runs in a browser too: networks, their training and the images of a set. No Node, no files, no engine.
export type { ImageShape, Normalisation } from "./dataset/image-dataset.ts";
export { normalisePixels } from "./dataset/normalise.ts";
export { ensureGradients } from "./grad/ensure-gradients.ts";
export { createNetwork } from "./nn/create-network.ts";
export type { Network } from "./nn/network.ts";
export { foldIn, keyFromSeed } from "./random/key.ts";
export { oneHotLabels, setImages, setLabels } from "./synthetic/set-tensors.ts";
export type { SyntheticLabels } from "./synthetic/synthetic-set.ts";
export type { Recipe } from "./train/recipe.ts";
export { disposeTrained } from "./train/train-epochs.ts";
export { trainNetwork, type TrainedNetwork } from "./train/train-network.ts";
