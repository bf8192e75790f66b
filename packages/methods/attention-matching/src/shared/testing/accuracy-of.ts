import {
  accuracy,
  createNetwork,
  disposeTrained,
  keyFromSeed,
  recipeSchema,
  setImages,
  setLabels,
  trainNetwork,
  type ImageDataset,
  type SyntheticSet,
} from "@limbeck/core";

/** Test support: percent right on the test split, the mean of two small networks trained for a moment on a set. */
export async function accuracyOf(
  set: Omit<SyntheticSet, "provenance">,
  dataset: ImageDataset,
): Promise<number> {
  const network = createNetwork("convnet1-w8", { inputShape: set.shape, classes: set.classes.length });
  const recipe = recipeSchema.parse({ learningRate: 0.05, momentum: 0.9, epochs: 25 });
  const images = setImages(set);
  const labels = setLabels(set);
  let sum = 0;
  for (let seed = 0; seed < 2; seed++) {
    const trained = await trainNetwork({ network, data: { images, labels }, recipe, key: keyFromSeed(seed) });
    const { percent } = await accuracy({
      network,
      theta: trained.theta,
      split: dataset.test,
      normalisation: set.normalisation,
    });
    disposeTrained(trained);
    sum += percent;
  }
  images.dispose();
  labels.dispose();
  return sum / 2;
}
