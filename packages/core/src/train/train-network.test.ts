import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, describe, expect, it } from "vitest";
import { boundSamplesAtOnce } from "../engine/samples-at-once.ts";
import { normalisePixels } from "../dataset/normalise.ts";
import { realImages } from "../dataset/real-images.ts";
import { toyDataset } from "../testing/toy-dataset.ts";
import { createNetwork } from "../nn/create-network.ts";
import { permutation } from "../random/draw.ts";
import { keyFromSeed } from "../random/key.ts";
import { oneHotLabels } from "../synthetic/set-tensors.ts";
import { accuracy } from "./accuracy.ts";
import { halfwayDrop, recipeSchema, type Recipe } from "./recipe.ts";
import { disposeTrained, type EpochReport } from "./train-epochs.ts";
import { trainNetwork, type TrainOptions } from "./train-network.ts";

const key = keyFromSeed("train");
const dataset = toyDataset({ classes: 4, perClass: 30, shape: [6, 6, 2], noise: 40 });
const real = realImages(dataset);
const network = createNetwork("mlp-w16", { inputShape: dataset.shape, classes: 4 });
const recipeOf = (change: Partial<Recipe> = {}): Recipe => ({
  ...recipeSchema.parse({ learningRate: 0.02, momentum: 0.9, epochs: 30, batchSize: 32 }),
  ...change,
});
const stream = { images: real, labels: dataset.train.labels };

beforeAll(() => tf.setBackend("cpu"));

/** Trains, measures on the test split, frees. */
async function percentAfter(options: Partial<TrainOptions>): Promise<number> {
  const trained = await trainNetwork({ network, data: stream, recipe: recipeOf(), key, ...options });
  const { percent } = await accuracy({
    ...trained,
    split: dataset.test,
    normalisation: dataset.normalisation,
    batchSize: 50,
  });
  disposeTrained(trained);
  return percent;
}

async function bitsAfter(options: Partial<TrainOptions>): Promise<number[]> {
  const trained = await trainNetwork({
    network,
    data: stream,
    recipe: recipeOf({ epochs: 2 }),
    key,
    ...options,
  });
  const bits = Array.from(trained.theta.dataSync());
  disposeTrained(trained);
  return bits;
}

describe("trainNetwork", () => {
  it("comes to the same network within rounding, and to the same accuracy, in pieces", async () => {
    const recipe = recipeOf({ epochs: 2 });
    const [whole, percent] = [await bitsAfter({}), await percentAfter({ recipe })];
    boundSamplesAtOnce(7);
    try {
      const split = await bitsAfter({});
      const error = Math.max(...split.map((value, i) => Math.abs(value - whole[i]!)));
      expect(error).toBeGreaterThan(0);
      expect(error / Math.max(...whole.map(Math.abs))).toBeLessThan(1e-5);
      expect(await percentAfter({ recipe })).toBe(percent);
    } finally {
      boundSamplesAtOnce(undefined);
    }
  });

  it("learns separable classes from real images, the loss falling, with nothing leaked", async () => {
    const before = tf.memory().numTensors;
    const reports: EpochReport[] = [];
    expect(await percentAfter({ onEpoch: (report) => reports.push(report) })).toBe(100);
    expect(reports.map((report) => report.epoch)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(reports.at(-1)!.loss).toBeLessThan(0.05 * reports[0]!.loss);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("stays at chance when labels are shuffled", async () => {
    const order = permutation(key, dataset.train.size);
    const labels = dataset.train.labels.map((_, i) => dataset.train.labels[order[i]!]!);
    // 120 test images of 4 classes: 25 ± 4 for a guess; a learned label noise is still independent of the test labels.
    const percent = await percentAfter({ data: { images: real, labels } });
    expect(percent).toBeLessThan(55);
  });

  it.each([
    ["adam", { optimiser: "adam", learningRate: 0.005, momentum: 0 }],
    [
      "adamw, cosine, moving average",
      {
        optimiser: "adamw",
        learningRate: 0.01,
        schedule: { kind: "cosine", smoothing: 1, warmup: 2 },
        averageDecay: 0.9,
      },
    ],
    ["nesterov, mse", { nesterov: true, loss: { kind: "mse" } }],
    ["DSA", { augmentation: "color_crop_cutout_scale_rotate" }],
    ["MixUp", { mixing: { kind: "mixup", alpha: 1, probability: 0.5 } }],
    ["resized crop", { augmentation: "resized-crop", epochs: 40 }],
    [
      "CutMix, temperature",
      {
        mixing: { kind: "cutmix", alpha: 1, probability: 0.5 },
        loss: { kind: "cross-entropy", temperature: 2, temperaturePower: 2 },
      },
    ],
  ] satisfies [string, Partial<Recipe>][])("learns with %s", async (_, change) => {
    const before = tf.memory().numTensors;
    expect(await percentAfter({ recipe: recipeOf(change) })).toBeGreaterThan(90);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("learns with shifted and mirrored images, as far as 6 × 6 pixels moved by up to 4 allow", async () => {
    const [crop, flip] = ["crop", "crop-flip"].map((augmentation) => recipeOf({ augmentation, epochs: 60 }));
    expect(await percentAfter({ recipe: crop! })).toBeGreaterThan(45);
    expect(await bitsAfter({ recipe: { ...crop!, epochs: 1 } })).not.toEqual(
      await bitsAfter({ recipe: { ...flip!, epochs: 1 } }),
    );
  });

  it("learns from a few images in memory, with soft labels too", async () => {
    const chosen = Int32Array.from({ length: 8 }, (_, i) => i);
    const images = real.read(chosen);
    const hard = oneHotLabels(dataset.train.labels.slice(0, 8), 4);
    const soft = tf.tidy(() => tf.add(tf.mul(hard, 0.8), 0.05)) as tf.Tensor2D;
    const recipe = recipeOf({ epochs: 100 });
    expect(await percentAfter({ data: { images, labels: hard }, recipe })).toBeGreaterThan(85);
    expect(await percentAfter({ data: { images, labels: soft }, recipe })).toBeGreaterThan(85);
    tf.dispose([images, hard, soft]);
  });

  it("has bits that depend on the key alone; every source of randomness comes from it", async () => {
    const first = await bitsAfter({});
    expect(await bitsAfter({})).toEqual(first);
    expect(await bitsAfter({ key: keyFromSeed("another") })).not.toEqual(first);
    const augmented = {
      recipe: recipeOf({ epochs: 2, augmentation: "color_crop_cutout_flip_scale_rotate" }),
    };
    expect(await bitsAfter(augmented)).toEqual(await bitsAfter(augmented));
    expect(await bitsAfter(augmented)).not.toEqual(first);
  });

  it("gives a streamed split and the same images in memory the same bits", async () => {
    const images = normalisePixels(
      dataset.train.read(Int32Array.from({ length: 120 }, (_, i) => i)),
      dataset.shape,
      dataset.normalisation,
    );
    const labels = oneHotLabels(dataset.train.labels, 4);
    expect(await bitsAfter({ data: { images, labels } })).toEqual(await bitsAfter({}));
    const positions = Int32Array.from({ length: 60 }, (_, i) => 2 * i);
    const part = tf.gather(images, Array.from(positions));
    const partLabels = tf.gather(labels, Array.from(positions));
    expect(await bitsAfter({ data: { images: part, labels: partLabels } })).toEqual(
      await bitsAfter({ data: { ...stream, positions } }),
    );
    tf.dispose([images, labels, part, partLabels]);
  });

  it("visits every image once an epoch, in another order each time", async () => {
    const visited: number[] = [];
    const images = {
      ...real,
      read(indices: ArrayLike<number>) {
        visited.push(...Array.from(indices));
        return real.read(indices);
      },
    };
    await bitsAfter({ data: { ...stream, images } });
    const epochs = [visited.slice(0, 120), visited.slice(120)];
    for (const epoch of epochs) {
      expect(epoch.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 120 }, (_, i) => i));
    }
    expect(epochs[0]).not.toEqual(epochs[1]);
  });

  it("takes exactly the published steps: two epochs of plain descent by hand", async () => {
    const images = real.read(Int32Array.from({ length: 8 }, (_, i) => i));
    const labels = oneHotLabels(dataset.train.labels.slice(0, 8), 4);
    const start = network.init(keyFromSeed("start"));
    const recipe = recipeOf({
      epochs: 3,
      momentum: 0.9,
      learningRate: 0.1,
      schedule: { kind: "steps", at: [2], factor: 0.1 },
      resetAtSteps: true,
    });
    const expected = tf.tidy(() => {
      const gradient = tf.grad((at) => {
        const p = tf.softmax(network.apply(at as tf.Tensor1D, images).logits);
        return tf.neg(tf.mean(tf.log(tf.sum(tf.mul(p, labels), 1))));
      });
      const g0 = gradient(start);
      const first = tf.sub(start, tf.mul(g0, 0.1));
      const second = tf.sub(first, tf.mul(tf.add(gradient(first), tf.mul(g0, 0.9)), 0.1));
      // The drop to 0.01 comes with a new optimiser: no momentum is left.
      return tf.sub(second, tf.mul(gradient(second), 0.01)).dataSync();
    });
    const trained = await trainNetwork({ network, data: { images, labels }, recipe, key, theta: start });
    trained.theta.dataSync().forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
    expect(start.isDisposed).toBe(false);
    disposeTrained(trained);
    tf.dispose([images, labels, start]);
  });

  it("knows the published number of epochs and the last one at the old rate", () => {
    expect([300, 1000, 1800].map(halfwayDrop)).toEqual([
      { epochs: 301, at: [152] },
      { epochs: 1001, at: [502] },
      { epochs: 1801, at: [902] },
    ]);
  });
});

describe("batch normalisation", () => {
  const normalised = createNetwork("convnet1-w8-batch", { inputShape: dataset.shape, classes: 4 });

  it("is evaluated with running statistics near those of the training images", async () => {
    const before = tf.memory().numTensors;
    const recipe = recipeOf({ epochs: 15, learningRate: 0.05 });
    const trained = await trainNetwork({ network: normalised, data: stream, recipe, key });
    const options = { ...trained, split: dataset.test, normalisation: dataset.normalisation };
    expect((await accuracy(options)).percent).toBe(100);
    const images = real.read(Int32Array.from({ length: 120 }, (_, i) => i));
    const whole = normalised.batchStatistics(trained.theta, images);
    const running = trained.statistics!;
    for (const name of ["mean", "variance"] as const) {
      whole[name][0]!.dataSync().forEach((value, c) => {
        expect(Math.abs(running[name][0]!.dataSync()[c]! - value)).toBeLessThan(0.05 + 0.1 * Math.abs(value));
      });
    }
    const { statistics: _, ...without } = options;
    await expect(accuracy(without)).rejects.toThrow(
      "accuracy: convnet1-w8-batch uses batch normalisation and needs the `statistics` of its training, got none",
    );
    disposeTrained(trained);
    tf.dispose([images, ...whole.mean, ...whole.variance]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("starts its running statistics from mean 0 and variance 1 and gives the newest batch a tenth", async () => {
    const images = real.read(Int32Array.from({ length: 12 }, (_, i) => i));
    const labels = oneHotLabels(dataset.train.labels.slice(0, 12), 4);
    const start = normalised.init(key);
    const batch = normalised.batchStatistics(start, images);
    // 12 images of 6 × 6 positions after the first convolution.
    expect(batch.count).toEqual([432]);
    const trained = await trainNetwork({
      network: normalised,
      data: { images, labels },
      recipe: recipeOf({ epochs: 1 }),
      key,
      theta: start,
    });
    const unbiased = 432 / 431;
    const [mean, variance] = [batch.mean[0]!.dataSync(), batch.variance[0]!.dataSync()];
    trained.statistics!.mean[0]!.dataSync().forEach((v, c) => expect(v).toBeCloseTo(0.1 * mean[c]!, 5));
    trained
      .statistics!.variance[0]!.dataSync()
      .forEach((v, c) => expect(v).toBeCloseTo(0.9 + 0.1 * unbiased * variance[c]!, 6));
    disposeTrained(trained);
    tf.dispose([images, labels, start, ...batch.mean, ...batch.variance]);
  });
});

describe("what stops training", () => {
  it("a loss that is not finite names the epoch and leaves nothing behind", async () => {
    const before = tf.memory().numTensors;
    const recipe = recipeOf({ learningRate: 1e20 });
    await expect(trainNetwork({ network, data: stream, recipe, key })).rejects.toThrow(
      /^training mlp-w16: the loss is NaN in epoch \d+ of 30; lower the learning rate \(now 100000000000000000000\)$/,
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it("an abort signal, between two steps, and the event loop runs meanwhile", async () => {
    const before = tf.memory().numTensors;
    const controller = new AbortController();
    let epochs = 0;
    setImmediate(() => setImmediate(() => controller.abort(new Error("enough"))));
    const training = trainNetwork({
      network,
      data: stream,
      recipe: recipeOf({ epochs: 1000 }),
      key,
      signal: controller.signal,
      onEpoch: () => (epochs += 1),
    });
    await expect(training).rejects.toThrow("enough");
    expect(epochs).toBeLessThan(10);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("wrong shapes, no images, unknown augmentation and unknown recipe keys, by name", async () => {
    const images = real.read([0, 1]);
    const labels = oneHotLabels([0, 1], 3);
    await expect(
      trainNetwork({ network, data: { images, labels }, recipe: recipeOf(), key }),
    ).rejects.toThrow("training mlp-w16: labels must have shape [2,4] for 2 images, got [2,3]");
    const none = { ...stream, positions: new Int32Array(0) };
    await expect(trainNetwork({ network, data: none, recipe: recipeOf(), key })).rejects.toThrow(
      "training mlp-w16: wanted at least one image, got none",
    );
    await expect(
      trainNetwork({ network, data: stream, recipe: recipeOf({ augmentation: "blur" }), key }),
    ).rejects.toThrow('augmentation: unknown group "blur" in "blur"');
    expect(() => recipeSchema.parse({ learningRate: 1, epochs: 1, warmup: 5 })).toThrow("warmup");
    tf.dispose([images, labels]);
  });
});
