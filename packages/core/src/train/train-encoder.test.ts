import { createHash } from "node:crypto";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { trainingPositions } from "../dataset/held-out.ts";
import type { ImageDataset, ImageSplit } from "../dataset/image-dataset.ts";
import { useBackend } from "../engine/engine.ts";
import { defineNetwork } from "../nn/define-network.ts";
import { embeddingHead } from "../nn/embedding-head.ts";
import { flatten, linearLayer } from "../nn/linear-layer.ts";
import { projectionHead } from "../nn/projection-head.ts";
import { uniform } from "../random/draw.ts";
import { foldIn, keyFromSeed, type Key } from "../random/key.ts";
import { memoryPartStore } from "../run/part-store.ts";
import { createRunContext } from "../run/run-context.ts";
import { memorySplit, toyDataset } from "../testing/toy-dataset.ts";
import { encoderKey, encoderParts } from "./encoder-parts.ts";
import type { EncoderConfigInput } from "./encoder-config.ts";
import { trainContrastive } from "./train-contrastive.ts";
import { encoderConfig, probeEncoder, trainEncoder } from "./train-encoder.ts";
import { disposeTrained } from "./train-epochs.ts";

const SIDE = 12;

/**
 * What self-supervision is for: the class is a texture (stripes along, stripes across, chequers); colours, contrast and phase, which
 * fill most of the pixels' variance, say nothing about it.
 */
function textures(perClass: number): ImageDataset {
  const size = 3 * perClass;
  const labels = Int32Array.from({ length: size }, (_, i) => i % 3);
  const split = (key: Key): ImageSplit => {
    const pixels = new Uint8Array(size * SIDE * SIDE * 3);
    for (let i = 0; i < size; i++) {
      const u = uniform(foldIn(key, i), 12);
      const [dx, dy] = [Math.floor(4 * u[0]!), Math.floor(4 * u[1]!)];
      for (let p = 0; p < SIDE * SIDE; p++) {
        const [x, y] = [((p % SIDE) + dx) & 2, (Math.floor(p / SIDE) + dy) & 2];
        const isOn = [x !== 0, y !== 0, x !== y][labels[i]!]!;
        for (let c = 0; c < 3; c++) {
          const base = 0.2 + 0.6 * u[2 + c]!;
          const amplitude = 0.12 + 0.1 * u[5 + c]!;
          pixels[(i * SIDE * SIDE + p) * 3 + c] = Math.round(255 * (base + (isOn ? amplitude : -amplitude)));
        }
      }
    }
    return memorySplit(pixels, labels, SIDE * SIDE * 3);
  };
  const train = split(keyFromSeed("train"));
  const everything = train.read(Int32Array.from({ length: size }, (_, i) => i));
  return {
    ...toyDataset(),
    name: "textures",
    shape: [SIDE, SIDE, 3],
    train,
    test: split(keyFromSeed("test")),
    sha256: createHash("sha256").update(everything).digest("hex"),
  };
}

beforeAll(async () => {
  await useBackend("native", { threads: 1 });
});
// Three seconds of one processor, which others may use.
vi.setConfig({ testTimeout: 120_000 });

it("learns without labels to group textures that a random encoder does not tell apart", async () => {
  const before = tf.memory().numTensors;
  const dataset = textures(60);
  const losses: number[] = [];
  const config = encoderConfig({
    network: "convnet2-w16-batch",
    epochs: 60,
    batchSize: 45,
    learningRate: 0.02,
    temperature: 0.1,
    projection: { width: 32, outputs: 16 },
    views: { smallestCrop: 0.4, colourStrength: 1, greyProbability: 0.5 },
    validationShare: 0.25,
  });
  const model = await trainEncoder(dataset, config, { onEpoch: ({ loss }) => losses.push(loss) });
  const { percent, total } = await probeEncoder({ ...model, dataset, validationShare: 0.25 });
  const { network } = model;
  const theta = network.init(foldIn(encoderKey(config), "init"));
  const random = await probeEncoder({ network, theta, dataset, validationShare: 0.25 });
  expect(total).toBe(45);
  // Seen with three seeds: 100 beside 64 to 71.
  expect(percent).toBeGreaterThan(95);
  expect(random.percent).toBeLessThan(80);
  // Of 90 views: chance is log 89.
  expect(losses).toHaveLength(60);
  expect(losses[0]).toBeGreaterThan(0.9 * Math.log(89));
  expect(losses.at(-1)).toBeLessThan(0.95 * Math.log(89));
  disposeTrained(model);
  theta.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

describe("trainEncoder", () => {
  const dataset = toyDataset({ perClass: 8 });
  const small: EncoderConfigInput = {
    network: "convnet1-w4-batch",
    epochs: 7,
    batchSize: 8,
    projection: { width: 6, outputs: 4 },
    validationShare: 0.25,
    seed: 3,
  };

  it("goes on from its last snapshot after an interruption, to the bits of one training", async () => {
    const before = tf.memory().numTensors;
    const store = memoryPartStore();
    const told: string[] = [];
    const options = {
      store,
      tell: ({ name, state }: { name: string; state: string }) => {
        told.push(`${name} ${state}`);
        return Promise.resolve();
      },
    };
    const stop = { ...options, shouldStop: () => told.includes("encoder/epoch-4 made") };
    await expect(trainEncoder(dataset, small, stop)).rejects.toThrow(
      "train-encoder: interrupted while encoder/epoch-6 was being made; finished parts are kept, the same run goes on from there",
    );
    told.length = 0;
    const epochs: number[] = [];
    const model = await trainEncoder(dataset, small, {
      ...options,
      onEpoch: ({ epoch }) => epochs.push(epoch),
    });
    expect(told.slice(0, 3)).toEqual([
      "encoder/epoch-2 found",
      "encoder/epoch-4 found",
      "encoder/epoch-6 making",
    ]);
    expect(epochs).toEqual([5, 6, 7]);

    const config = encoderConfig(small);
    const { real, network: named } = createRunContext(dataset, 0);
    const network = named(config.network);
    const { offset, shape } = embeddingHead("test", network);
    const whole = await trainContrastive({
      network,
      projection: projectionHead(shape[0]!, 6, 4),
      real,
      positions: trainingPositions(dataset, 0.25),
      normalisation: dataset.normalisation,
      flip: true,
      config,
      key: encoderKey(config),
    });
    const found = model.theta.dataSync();
    expect(found.slice(0, offset)).toEqual(whole.theta.dataSync().slice(0, offset));
    expect(found.slice(offset).every((value) => value === 0)).toBe(true);
    expect(model.statistics!.mean[0]!.dataSync()).toEqual(whole.statistics!.mean[0]!.dataSync());
    expect(model.statistics!.variance[0]!.dataSync()).toEqual(whole.statistics!.variance[0]!.dataSync());
    expect(model).toMatchObject({ classes: dataset.classes, normalisation: dataset.normalisation });
    disposeTrained(whole);
    disposeTrained(model);
    // A second run finds everything.
    told.length = 0;
    disposeTrained(await trainEncoder(dataset, small, options));
    expect(told.at(-1)).toBe("encoder found");
    expect(tf.memory().numTensors).toBe(before);
  });

  it("is another one with other data or settings, and the same one for the same", () => {
    const identity = (change: EncoderConfigInput, data: ImageDataset = dataset) =>
      JSON.stringify(
        encoderParts(createRunContext(data, 0), "encoder", encoderConfig({ ...small, ...change })).at(-1)!
          .identity,
      );
    const different = [
      identity({}),
      identity({ epochs: 8 }),
      identity({ seed: 4 }),
      identity({ temperature: 0.1 }),
      identity({ network: "convnet1-w8-batch" }),
      identity({ views: { greyProbability: 0 } }),
      identity({}, toyDataset({ perClass: 9 })),
      identity({}, { ...dataset, mirrorInvariant: false }),
    ];
    expect(new Set(different).size).toBe(different.length);
    expect(identity({})).toBe(identity({}));
  });

  it("sees every training image once an epoch but the held-out ones, in full batches", async () => {
    const context = createRunContext(dataset, 0);
    const network = context.network("convnet1-w4");
    const config = encoderConfig({ ...small, network: network.name, batchSize: 5, epochs: 2 });
    const positions = trainingPositions(dataset, 0.25);
    const reads: number[][] = [];
    const trained = await trainContrastive({
      network,
      projection: projectionHead(embeddingHead("test", network).shape[0]!, 6, 4),
      real: {
        ...context.real,
        read(indices) {
          reads.push(Array.from(indices));
          return context.real.read(indices);
        },
      },
      positions,
      normalisation: dataset.normalisation,
      flip: false,
      config,
      key: keyFromSeed(0),
    });
    disposeTrained(trained);
    // 18 images in batches of 5: three a epoch, the last three images wait for another order.
    expect(reads.map((read) => read.length)).toEqual([5, 5, 5, 5, 5, 5]);
    const [first, second] = [reads.slice(0, 3).flat(), reads.slice(3).flat()];
    expect(new Set(first).size).toBe(15);
    expect(second).not.toEqual(first);
    expect([...first, ...second].every((position) => positions.includes(position))).toBe(true);
  });

  it("says what it cannot train", async () => {
    const refused = async (change: EncoderConfigInput, data = dataset): Promise<string> => {
      try {
        disposeTrained(await trainEncoder(data, { ...small, ...change }));
      } catch (error) {
        return (error as Error).message;
      }
      return "trained";
    };
    expect(await refused({ batchSize: 1 })).toBe(
      "encoder config: batchSize: Too small: expected number to be >=2, got 1",
    );
    expect(await refused({ temperature: 0 })).toBe(
      "encoder config: temperature: Too small: expected number to be >0, got 0",
    );
    expect(await refused({ network: "clip" })).toContain(
      'unknown network "clip": no network is called "clip"',
    );
    const whitened: ImageDataset = { ...dataset, normalisation: whitening(8 * 8 * 3) };
    expect(await refused({}, whitened)).toBe(
      "encoder: views are made in colours that can be seen, toy is given with whitened images; open the data without whitening",
    );
    const single = toyDataset({ classes: 1, perClass: 2 });
    expect(await refused({ validationShare: 0.5 }, single)).toBe(
      "training the encoder convnet1-w4-batch: wanted at least two images to tell apart, got 1; give more, or hold fewer out",
    );
  });

  it("wants a last linear layer, whose input is the embedding", () => {
    const headless = defineNetwork("headless", { inputShape: [8, 8, 3], classes: 3 }, (plan) => {
      const only = linearLayer(plan, "only", 192, 3);
      return (pass, images) => ({ embedding: flatten(images), logits: only(pass, flatten(images)) });
    });
    const context = { ...createRunContext(dataset, 0), network: () => headless };
    expect(() => encoderParts(context, "encoder", encoderConfig(small))).toThrow(
      'encoder: wanted a network with an embedding, whose last layer is linear and called "head", got headless; choose one of the zoo',
    );
  });
});

/** An identity that calls itself whitening. */
function whitening(length: number): ImageDataset["normalisation"] {
  const identity = Float32Array.from({ length: length * length }, (_, i) => (i % (length + 1) === 0 ? 1 : 0));
  return { kind: "zca", mean: new Float32Array(length), whiten: identity, unwhiten: identity };
}
