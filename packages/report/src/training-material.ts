import { protocolNamed, randomSubset, recipeFor } from "@limbeck/benchmarks";
import { classPositions, denormalise, type ImageDataset, type SyntheticSet } from "@limbeck/core";
import type { TestImages, Training } from "./model.ts";
import { pack } from "./pack.ts";
import { shownText } from "./shown-text.ts";

/** The protocol of training in the page: ends within seconds to minutes. */
const PROTOCOL = "start-v1";

/**
 * A sample of a test split, as equally many images of each class as possible, evenly spaced.
 *
 * @param count Images wanted; fewer where the split has fewer.
 */
export function sampleTestImages({ name, test, classes }: ImageDataset, count: number): TestImages {
  const members = classPositions(test.labels, classes.length);
  const each = Math.max(1, Math.round(count / classes.length));
  const positions = members.flatMap((own) => {
    const taken = Math.min(each, own.length);
    return Array.from({ length: taken }, (_, i) => own[Math.floor((i * own.length) / taken)]!);
  });
  return {
    dataset: shownText(name),
    images: pack(test.read(positions)),
    labels: positions.map((position) => test.labels[position]!),
    of: test.size,
  };
}

/**
 * What training on a set in the page needs beside the set; undefined where the page cannot: whitening is too large to carry, and labels of
 * views or of a projector need more than the page has.
 */
export function trainingOf(set: SyntheticSet, dataset: ImageDataset): Omit<Training, "test"> | undefined {
  const { normalisation, shape, provenance, labels } = set;
  if (normalisation.kind === "zca" || labels.kind === "views" || labels.kind === "projector")
    return undefined;
  const random = randomSubset(dataset, provenance.ipc, 0);
  const depth = Math.max(3, Math.round(Math.log2(shape[0])) - 2);
  return {
    mean: normalisation.mean,
    std: normalisation.std,
    protocol: PROTOCOL,
    recipe: { ...recipeFor(protocolNamed(PROTOCOL), dataset, set) },
    networks: [`convnet${depth}-w32`, `convnet${depth}-w64`, `convnet${depth}`],
    random: {
      images: pack(denormalise(random)),
      labels: Array.from((random.labels as { values: Int32Array }).values),
    },
  };
}
