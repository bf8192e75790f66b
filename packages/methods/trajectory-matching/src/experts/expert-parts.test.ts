import {
  createRunContext,
  heldOutSplit,
  trainingPositions,
  useBackend,
  type PreparedArrays,
  type RunContext,
} from "@limbeck/core";
import { toyDataset } from "@limbeck/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { expertConfigShape } from "./expert-config.ts";
import { expertParts, expertSnapshot, type ExpertChoice } from "./expert-parts.ts";

beforeAll(() => useBackend("cpu"));

const schema = z.strictObject({ ...expertConfigShape, network: z.string() });
const configOf = (change: Partial<ExpertChoice> = {}): ExpertChoice =>
  schema.parse({
    network: "convnet1-w4",
    experts: 1,
    expertBatch: 12,
    expertLearningRate: 0.05,
    expertAugmentation: "none",
    ...change,
  });
const dataset = toyDataset({ classes: 3 });
const context = createRunContext(dataset, 0);

/** The parts by identity: as the cache of several runs would hold them. */
async function make(
  config: ExpertChoice,
  epochs: number,
  cache = new Map<string, PreparedArrays>(),
): Promise<{ context: RunContext; made: string[] }> {
  const byName = new Map<string, PreparedArrays>();
  const made: string[] = [];
  const prepared = (name: string): PreparedArrays => byName.get(name)!;
  for (const part of expertParts(context, config, epochs)) {
    const address = JSON.stringify(part.identity);
    let arrays = cache.get(address);
    if (arrays === undefined) {
      arrays = await part.make(new AbortController().signal, prepared);
      cache.set(address, arrays);
      made.push(part.name);
    }
    byName.set(part.name, arrays);
  }
  return { context: { ...context, prepared }, made };
}

async function theta(config: ExpertChoice, epoch: number, epochs = epoch): Promise<Float32Array> {
  const { context: ready } = await make(config, epochs);
  return tf.tidy(() => expertSnapshot(ready, config, config.experts - 1, epoch).dataSync()) as Float32Array;
}

const distance = (a: Float32Array, b: Float32Array): number =>
  Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0));

describe("experts", () => {
  it("are extended, in number and in epochs, without making the first anew; no tensor is left", async () => {
    const cache = new Map<string, PreparedArrays>();
    const before = tf.memory().numTensors;
    expect((await make(configOf(), 1, cache)).made).toEqual(["expert 0, epoch 0", "expert 0, epoch 1"]);
    expect((await make(configOf(), 2, cache)).made).toEqual(["expert 0, epoch 2"]);
    const { made } = await make(configOf({ experts: 2 }), 1, cache);
    expect(made).toEqual(["expert 1, epoch 0", "expert 1, epoch 1"]);
    expect((await make(configOf({ expertEpochs: 2 }), 2, cache)).made).toEqual([]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("learn, each from parameters and an order of its own", async () => {
    const { context: ready } = await make(configOf({ experts: 2 }), 6);
    const correct = (expert: number, epoch: number): number =>
      tf.tidy(() => {
        const at = expertSnapshot(ready, configOf(), expert, epoch);
        const images = context.real.read(Array.from({ length: 36 }, (_, i) => i));
        const found = tf.argMax(context.network("convnet1-w4").apply(at, images).logits, 1).dataSync();
        return Array.from(found).filter((label, i) => label === dataset.train.labels[i]).length;
      });
    expect(correct(0, 6)).toBe(36);
    expect(correct(0, 0)).toBeLessThan(30);
    expect(correct(1, 6)).toBe(36);
    expect(await theta(configOf({ experts: 2 }), 0)).not.toEqual(await theta(configOf(), 0));
  });

  it("go on from what was stored, so that 16-bit snapshots cost a thousandth of an epoch's way", async () => {
    const exact = await theta(configOf(), 3);
    const way = distance(exact, await theta(configOf(), 2));
    const half = distance(exact, await theta(configOf({ expertStorage: "float16" }), 3));
    expect(half).toBeGreaterThan(0);
    expect(half / way).toBeLessThan(2e-3);
    const coarse = distance(exact, await theta(configOf({ expertStorage: "bfloat16" }), 3));
    expect(coarse / way).toBeGreaterThan(half / way);
    expect(coarse / way).toBeLessThan(1.5e-2);
  });

  it.each([
    ["flat trajectories", { sharpnessRadius: 0.1, surrogateWeight: 1 }],
    ["momentum", { expertMomentum: 0.9 }],
    ["weight decay", { expertWeightDecay: 0.1 }],
    ["a ramp of the loss", { lossRampEpochs: 4 }],
    ["a gradient penalty", { gradientPenalty: 2 }],
    ["a dropped learning rate", { expertDropEpoch: 1, expertDropFactor: 0.1 }],
    ["augmentation", { expertAugmentation: "auto" }],
    ["another seed", { expertSeed: 1 }],
    ["held-out images", { validationShare: 0.25 }],
  ] satisfies [string, Partial<ExpertChoice>][])("are others with %s", async (_, change) => {
    expect(await theta(configOf(change), 2)).not.toEqual(await theta(configOf(), 2));
    const identities = [configOf(), configOf(change)].map(
      (config) => expertParts(context, config, 2).at(-1)!.identity,
    );
    expect(identities[0]).not.toEqual(identities[1]);
  });

  it("keep their momentum from epoch to epoch and lose it where the rate drops", async () => {
    const kept = configOf({ expertMomentum: 0.9 });
    const { context: ready } = await make(kept, 1);
    expect(Object.keys(ready.prepared!("expert 0, epoch 1")).sort()).toEqual(["loss", "theta", "velocity"]);
    // A factor of 1 changes nothing but the momentum.
    const dropped = await theta(
      configOf({ expertMomentum: 0.9, expertDropEpoch: 1, expertDropFactor: 1 }),
      2,
    );
    expect(dropped).not.toEqual(await theta(kept, 2));
  });

  it("tell bytes and work before they are made", () => {
    const network = context.network("convnet1-w4");
    const sum = (config: ExpertChoice, key: "bytes" | "multiplyAdds"): number =>
      expertParts(context, config, 3).reduce((total, part) => total + part[key], 0);
    expect(sum(configOf(), "bytes")).toBe(4 * 4 * network.parameterCount);
    expect(sum(configOf({ expertStorage: "bfloat16" }), "bytes")).toBe((4 + 3 * 2) * network.parameterCount);
    expect(sum(configOf(), "multiplyAdds")).toBe(3 * 3 * 36 * network.multiplyAdds);
  });

  it("are refused with batch normalisation, and a loss that is not finite names the epoch", async () => {
    expect(() => expertParts(context, configOf({ network: "convnet1-w4-batch" }), 1)).toThrow(
      "trajectory matching: network convnet1-w4-batch uses batch normalisation",
    );
    await expect(make(configOf({ expertLearningRate: 1e30 }), 2)).rejects.toThrow(
      /^expert of convnet1-w4: the loss is NaN in epoch \d; lower expertLearningRate/,
    );
    expect(() => expertSnapshot(context, configOf(), 0, 0)).toThrow("were not prepared");
  });
});

describe("held-out images", () => {
  it("are a share of every class, the same always, and no expert sees them", () => {
    const split = heldOutSplit(dataset, 0.25);
    expect(split.size).toBe(9);
    expect([0, 1, 2].map((label) => split.labels.filter((own) => own === label).length)).toEqual([3, 3, 3]);
    expect(trainingPositions(dataset, 0.25)).toHaveLength(27);
    expect(trainingPositions(dataset, 0)).toHaveLength(36);
    const held = Buffer.from(split.read([0]));
    for (const position of trainingPositions(dataset, 0.25)) {
      expect(held.equals(Buffer.from(dataset.train.read([position])))).toBe(false);
    }
  });
});
