import {
  classSubset,
  ConfigError,
  foldIn,
  keyFromSeed,
  permutation,
  ShapeError,
  type ImageDataset,
  type SyntheticSet,
} from "@limbeck/core";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { evaluateCached } from "../accuracy/evaluate-cached.ts";
import type { Protocol } from "../protocol/protocol.ts";

export interface ContinualOptions {
  /** Equal parts that the classes arrive in. */
  readonly steps: number;
  /** Seeds of the class orders. */
  readonly orders: readonly number[];
  /** Fresh networks that are trained on the memory after each step. */
  readonly seeds: readonly number[];
  readonly protocol: Protocol;
  readonly network: string;
  /** Where finished evaluations are kept; the same experiment goes on there. */
  readonly folder: string;
  /** Condenses the classes that are new in a step: `arrived` holds only them. */
  readonly condense: (arrived: ImageDataset, folder: string) => Promise<SyntheticSet>;
  readonly onStep?: (result: ContinualStep) => void;
  readonly signal?: AbortSignal;
}

/** Scores after one step of one order. */
export interface ContinualStep {
  readonly order: number;
  /** From 1. */
  readonly step: number;
  /** Classes seen so far. */
  readonly classes: number;
  /** Percent on the test images of all classes seen so far, one a network. */
  readonly accuracy: readonly number[];
}

/**
 * Class-incremental learning with a memory of condensed images: classes arrive in steps, only the new ones are condensed from
 * their real images, and after each step fresh networks are trained on the whole memory and tested on all classes seen.
 *
 * @throws {ConfigError} if the classes cannot be cut into that many equal steps.
 * @see Zhao and Bilen, "Dataset Condensation with Distribution Matching" (WACV 2023), section 4.3.
 */
export async function continualLearning(
  dataset: ImageDataset,
  options: ContinualOptions,
): Promise<ContinualStep[]> {
  const { steps, orders, seeds, protocol, network, signal } = options;
  const classes = dataset.classes.length;
  if (!(Number.isInteger(steps) && steps >= 1 && classes % steps === 0)) {
    throw new ConfigError(
      `continualLearning: wanted a number of steps that divides the ${classes} classes of ${dataset.name}, got ${steps}`,
    );
  }
  const results: ContinualStep[] = [];
  for (const order of orders) {
    const arrival = [...permutation(foldIn(keyFromSeed(order), "class-order"), classes)];
    let memory: SyntheticSet | undefined;
    for (let step = 1; step <= steps; step++) {
      const seenCount = (classes / steps) * step;
      const arrived = classSubset(dataset, arrival.slice((classes / steps) * (step - 1), seenCount));
      const folder = join(options.folder, `order-${order}`, `step-${step}`);
      const condensed = await options.condense(arrived, folder);
      memory = memory === undefined ? condensed : joinSets(memory, condensed);
      const seen = classSubset(dataset, arrival.slice(0, seenCount));
      const { record } = await evaluateCached(memory, seen, folder, 0, {
        protocol,
        network,
        seeds,
        ...(signal === undefined ? {} : { signal }),
      });
      const result = { order, step, classes: seenCount, accuracy: record.accuracy };
      results.push(result);
      options.onStep?.(result);
    }
  }
  return results;
}

/**
 * Two sets of different classes as one: the classes of `first`, then those of `second`, its labels after them.
 *
 * @throws {ShapeError} if images, their decoding or normalisation differ.
 * @throws {ConfigError} if labels are not hard, or a class is in both.
 */
export function joinSets(first: SyntheticSet, second: SyntheticSet): SyntheticSet {
  if (
    String(first.shape) !== String(second.shape) ||
    first.factor !== second.factor ||
    !isDeepStrictEqual(first.normalisation, second.normalisation)
  ) {
    throw new ShapeError(
      `joinSets: wanted images of [${first.shape}] decoded by ${first.factor ?? 1}, with the same normalisation, ` +
        `got [${second.shape}] decoded by ${second.factor ?? 1}`,
    );
  }
  if (first.labels.kind !== "hard" || second.labels.kind !== "hard") {
    throw new ConfigError(
      `joinSets: wanted hard labels, got ${first.labels.kind} and ${second.labels.kind}; classes of soft labels cannot grow`,
    );
  }
  const double = second.classes.find((name) => first.classes.includes(name));
  if (double !== undefined) throw new ConfigError(`joinSets: class "${double}" is in both sets`);
  const images = new Float32Array(first.images.length + second.images.length);
  images.set(first.images);
  images.set(second.images, first.images.length);
  const values = Int32Array.of(
    ...first.labels.values,
    ...second.labels.values.map((label) => label + first.classes.length),
  );
  return {
    ...first,
    images,
    size: first.size + second.size,
    classes: [...first.classes, ...second.classes],
    labels: { kind: "hard", values },
  };
}
