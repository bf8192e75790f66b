import {
  ConfigError,
  createNetwork,
  networkNameOf,
  readNetwork,
  readNetworkWeights,
  weightTensors,
  type ImageDataset,
  type TrainedModel,
} from "@limbeck/core";

/**
 * A trained network from a file: one that the suite wrote, or a checkpoint in torchvision's naming, which tells its normalisation by the
 * metadata `mean` and `std`, and may tell its classes by `classes`. The caller owns the tensors.
 *
 * @param network Name of the zoo of a checkpoint; without it the file must be the suite's own, which may be named too.
 * @throws {DataError} if the file is not one of this network.
 * @throws {ConfigError} if a checkpoint does not say which normalisation its images had, or the suite's own file is of another network.
 */
export function readTrainedModel(
  path: string,
  network: string | undefined,
  { shape, classes }: Pick<ImageDataset, "shape" | "classes">,
): TrainedModel {
  if (network === undefined) return readNetwork(path);
  const made = createNetwork(network, { inputShape: shape, classes: classes.length });
  const own = networkNameOf(path);
  if (own === made.name) return readNetwork(path);
  if (own !== undefined) {
    throw new ConfigError(`${path}: wanted ${made.name}, got a file of ${own}; name that network or none`);
  }
  const { metadata, ...weights } = readNetworkWeights(made, path);
  const [mean, std] = [metadata["mean"], metadata["std"]].map((text) => text?.split(",").map(Number));
  const channels = shape[2];
  if (mean?.length !== channels || std?.length !== channels || ![...mean, ...std].every(Number.isFinite)) {
    throw new ConfigError(
      `${path}: wanted the metadata mean and std, ${channels} numbers each, got "${metadata["mean"]}" and "${metadata["std"]}"; add what its images were normalised with`,
    );
  }
  const { theta, statistics } = weightTensors(made, weights);
  return {
    network: made,
    theta,
    ...(made.usesBatchStatistics ? { statistics } : {}),
    classes: metadata["classes"]?.split(",") ?? classes,
    normalisation: { kind: "mean-std", mean, std },
  };
}
