import {
  createRunContext,
  engineInfo,
  memoryPartStore,
  prepareContext,
  setImages,
  trainedNetworkPart,
  type ImageDataset,
  type PartStore,
  type SyntheticSet,
  numbersOf,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import type { Protocol } from "../protocol/protocol.ts";

/**
 * The set with the labels that a protocol scores it with: its own, the likeliest class of each, or a teacher's class probabilities of
 * each stored image, unaugmented.
 *
 * @param parts Where the teacher is kept. Default: the memory of this process.
 * @param signal Aborting it stops the training of the teacher; the promise then rejects with `InterruptedError`.
 * @throws {ConfigError} if the teacher's network is unknown or has batch normalisation.
 */
export async function labelledSet(
  set: SyntheticSet,
  dataset: ImageDataset,
  { labels }: Protocol,
  parts: PartStore = MEMORY,
  signal?: AbortSignal,
): Promise<SyntheticSet> {
  if (labels === undefined) return set;
  if (labels.kind === "hard") {
    return { ...set, labels: { kind: "hard", values: hardLabels(set) } };
  }
  const { factor: _factor, ...stored } = set;
  // The teacher sees what the set's students see.
  const context = createRunContext({ ...dataset, normalisation: set.normalisation }, labels.seed);
  const teacher = {
    id: "teacher",
    prepare: () => [trainedNetworkPart(context, { part: "teacher", ...labels, index: 0 })],
  };
  const { prepared } = await prepareContext(teacher, context, undefined, {
    store: parts,
    environment: engineInfo(),
    shouldStop: () => signal?.aborted === true,
  });
  const theta = prepared!("teacher")["trained"]!.data as Float32Array;
  const values = numbersOf(() => {
    const { logits } = context.network(labels.network).apply(tf.tensor1d(theta), setImages(stored));
    return tf.softmax(logits);
  });
  return { ...set, labels: { kind: "soft", values, space: "probabilities" } };
}

const MEMORY = memoryPartStore();

/** The likeliest class of each stored image, the first of equals. */
function hardLabels({ labels, size, classes }: SyntheticSet): Int32Array {
  if (labels.kind !== "soft") return labels.values;
  return Int32Array.from({ length: size }, (_, i) => {
    const row = labels.values.subarray(i * classes.length, (i + 1) * classes.length);
    return row.indexOf(Math.max(...row));
  });
}
