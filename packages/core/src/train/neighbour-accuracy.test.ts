import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { describe, expect, it, vi } from "vitest";
import { normalisePixels } from "../dataset/normalise.ts";
import { subsetOfSplit } from "../dataset/split.ts";
import { boundSamplesAtOnce } from "../engine/samples-at-once.ts";
import { availableBackEnds } from "../grad/testing/back-ends.ts";
import { createNetwork } from "../nn/create-network.ts";
import { keyFromSeed } from "../random/key.ts";
import { toyDataset } from "../testing/toy-dataset.ts";
import { neighbourAccuracy, type NeighbourOptions } from "./neighbour-accuracy.ts";

// Noise that leaves the classes hard to tell: votes are split, and a wrong weight shows.
const dataset = toyDataset({ classes: 4, perClass: 20, noise: 150, seed: 5 });
const { train, test, normalisation, shape } = dataset;
const network = createNetwork("mlp-w16", { inputShape: shape, classes: 4 });
const backEnds = await availableBackEnds();

/** The same by plain loops over all pairs. */
function reference(
  embeddings: readonly (readonly number[])[],
  labels: Int32Array,
  queries: readonly (readonly number[])[],
  k: number,
): number[] {
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  return queries.map((query) => {
    const near = embeddings
      .map((other, i) => ({
        label: labels[i]!,
        cosine: dot(query, other) / Math.sqrt(dot(query, query) * dot(other, other)),
      }))
      .sort((a, b) => b.cosine - a.cosine)
      .slice(0, k);
    const votes = [0, 1, 2, 3].map((label) =>
      near.reduce((sum, each) => sum + (each.label === label ? Math.exp(each.cosine / 0.07) : 0), 0),
    );
    return votes.indexOf(Math.max(...votes));
  });
}

describe.each(backEnds)("neighbourAccuracy on %s", (backEnd) => {
  it.each([1, 5, 20, 1000])("counts as plain loops over all pairs do, k = %d", async (neighbours) => {
    await tf.setBackend(backEnd);
    const before = tf.memory().numTensors;
    const theta = network.init(keyFromSeed(2));
    const rows = (split: typeof train): number[][] =>
      tf.tidy(() => {
        const all = Int32Array.from({ length: split.size }, (_, i) => i);
        return network
          .apply(theta, normalisePixels(split.read(all), shape, normalisation))
          .embedding.arraySync();
      });
    const guesses = reference(rows(train), train.labels, rows(test), neighbours);
    const correct = guesses.filter((guess, i) => guess === test.labels[i]).length;
    expect(correct).toBeLessThan(test.size);
    const options = { network, theta, bank: train, queries: test, normalisation, neighbours };
    const wanted = { correct, total: test.size, percent: (100 * correct) / test.size };
    expect(await neighbourAccuracy(options)).toEqual(wanted);
    expect(await neighbourAccuracy({ ...options, batchSize: 7 })).toEqual(wanted);
    theta.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

it("embeds no more images at once than the engine's bound", async () => {
  await tf.setBackend("cpu");
  const theta = network.init(keyFromSeed(2));
  const options: NeighbourOptions = { network, theta, bank: train, queries: test, normalisation };
  const wanted = await neighbourAccuracy(options);
  const read = vi.spyOn(train, "read");
  boundSamplesAtOnce(5);
  try {
    expect(await neighbourAccuracy(options)).toEqual(wanted);
    expect(Math.max(...read.mock.calls.map(([indices]) => indices.length))).toBe(5);
  } finally {
    boundSamplesAtOnce(undefined);
    read.mockRestore();
    theta.dispose();
  }
});

it("finds every image in a bank that holds it, and says what it wants", async () => {
  await tf.setBackend("cpu");
  const theta = network.init(keyFromSeed(2));
  const options: NeighbourOptions = { network, theta, bank: train, queries: train, normalisation };
  expect((await neighbourAccuracy({ ...options, neighbours: 1 })).percent).toBe(100);
  await expect(neighbourAccuracy({ ...options, queries: subsetOfSplit(train, []) })).rejects.toThrow(
    "neighbourAccuracy: wanted images in bank and queries, got 80 and 0; hold another share out",
  );
  await expect(neighbourAccuracy({ ...options, neighbours: 0 })).rejects.toThrow(
    "neighbourAccuracy: neighbours must be a positive whole number, got 0",
  );
  const before = tf.memory().numTensors;
  await expect(neighbourAccuracy({ ...options, signal: AbortSignal.abort() })).rejects.toThrow("aborted");
  expect(tf.memory().numTensors).toBe(before);
  theta.dispose();
});
