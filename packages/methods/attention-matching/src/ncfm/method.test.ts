import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  createRunContext,
  disposeState,
  disposeTrained,
  keyFromSeed,
  memoryPartStore,
  oneHotLabels,
  prepareContext,
  recipeSchema,
  resolveConfig,
  setImages,
  setLabels,
  softmaxCrossEntropy,
  trainNetwork,
  useBackend,
  type ImageDataset,
  type RunContext,
} from "@limbeck/core";
import { testMethod, toyDataset } from "@limbeck/core/testing";
import { ncfmConfigSchema, type NcfmConfig } from "./config.ts";
import { ncfm, type NcfmState } from "./method.ts";

const small = {
  ipc: 1,
  iterations: 8,
  network: "mlp-w16",
  poolNetworks: 2,
  poolEpochs: 3,
  realBatch: 6,
  frequencies: 32,
  imageLearningRate: 0.02,
} as const;

// Without augmentation and with trained networks alone: blends and colours make the distance jump by tens of per cent.
testMethod(ncfm, {
  config: {
    ...small,
    iterations: 10,
    augmentation: "none",
    extractor: "trained",
    realBatch: 12,
    imageLearningRate: 0.05,
    frequencies: 64,
  },
  lossFallsTo: 0.95,
});
// The sampling network climbs while the images descend, and every step has frequencies of its own.
testMethod(ncfm, {
  config: {
    ...small,
    iterations: 4,
    augmentation: "none",
    extractor: "trained",
    poolNetworks: 1,
    sampling: "scales",
    samplingWidth: 8,
    optimiser: "sgd",
    imageLearningRate: 1e-4,
  },
  lossFallsTo: 1.2,
});

const store = memoryPartStore();
const contextOf = (config: NcfmConfig, dataset: ImageDataset = toyDataset(), seed = 5): Promise<RunContext> =>
  prepareContext(ncfm, createRunContext(dataset, seed), config, {
    store,
    environment: { backend: "test", precision: "highest", threads: 1 },
  });
const configOf = (changes: Partial<NcfmConfig> = {}): NcfmConfig =>
  ncfmConfigSchema.parse({ ...small, ...changes });

function walk(
  context: RunContext,
  config: NcfmConfig,
  steps: number,
): { state: NcfmState; losses: number[] } {
  let state = ncfm.init(context, config);
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const result = ncfm.step(context, state, config, i);
    disposeState(state, result.state);
    state = result.state;
    losses.push(result.loss);
  }
  return { state, losses };
}

const largest = (a: tf.Tensor, b: tf.Tensor): number => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;

describe("ncfm", () => {
  beforeAll(() => useBackend("cpu"));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it("gives the same images however classes are grouped: nothing moves but by its own class's gradient", async () => {
    const dataset = toyDataset({ classes: 4, perClass: 6 });
    // Batches are cut to the class: 6 images either way, but groups of 4 classes or of one.
    const [together, apart] = [configOf({ realBatch: 6 }), configOf({ realBatch: 200 })];
    const context = await contextOf(together, dataset);
    const [a, b] = [walk(context, together, 3), walk(context, apart, 3)];
    expect(a.losses[2]! / b.losses[2]!).toBeCloseTo(1, 4);
    expect(largest(a.state.pixels, b.state.pixels)).toBeLessThan(2e-3);
  });

  it.each(["mean", "mmd", "ncf"] as const)(
    "has discrepancy 0 (%s) where every real image is in the set",
    async (discrepancy) => {
      const dataset = toyDataset({ perClass: 4 });
      const config = configOf({
        discrepancy,
        ipc: 4,
        realBatch: 4,
        factor: 1,
        initialisation: "real",
        augmentation: "none",
        calibrationSteps: 0,
      });
      const context = await contextOf(config, dataset);
      const same = ncfm.step(context, ncfm.init(context, config), config, 0);
      const fewer = { ...config, ipc: 1 };
      const other = ncfm.step(context, ncfm.init(context, fewer), fewer, 0);
      // Rounding under the root leaves 300 · 1e-4 of the characteristic functions' distance.
      expect(same.loss).toBeLessThan(0.01 * other.loss);
      expect(Object.keys(same.terms)).toEqual(
        discrepancy === "ncf" ? ["ncf", "amplitude", "phase"] : [discrepancy],
      );
    },
  );

  it("logs the discrepancy, its parts and the calibration apart; the loss is discrepancy and calibration", async () => {
    const config = configOf({ calibrationSteps: 2 });
    const context = await contextOf(config);
    const { loss, terms } = ncfm.step(context, ncfm.init(context, config), config, 0);
    expect(Object.keys(terms)).toEqual(["ncf", "amplitude", "phase", "calibration"]);
    expect(loss).toBe(terms["ncf"]! + terms["calibration"]!);
  });

  it("keeps pixels in [0, 1], and reduces the step when the discrepancy stands still", async () => {
    const config = configOf({ imageLearningRate: 0.5, plateauPatience: 1, plateauFactor: 0.25 });
    const context = await contextOf(config);
    const { state } = walk(context, config, 8);
    expect(tf.min(state.pixels).dataSync()[0]).toBe(0);
    expect(tf.max(state.pixels).dataSync()[0]).toBe(1);
    expect(state.plateau.factor).toBeLessThanOrEqual(0.25);
  });

  it("blends the pool's networks: at its ends it is the initial or the trained network", async () => {
    const base = { calibrationSteps: 0, poolNetworks: 1 };
    const context = await contextOf(configOf(base));
    const lossOf = (extractor: NcfmConfig["extractor"]): number => {
      const config = configOf({ ...base, extractor });
      return ncfm.step(context, ncfm.init(context, config), config, 0).loss;
    };
    const flipped: RunContext = {
      ...context,
      prepared: (name) => {
        const { initial, trained } = context.prepared!(name);
        return { initial: trained!, trained: initial! };
      },
    };
    const config = configOf({ ...base, extractor: "trained" });
    expect(ncfm.step(flipped, ncfm.init(flipped, config), config, 0).loss).toBe(lossOf("initial"));
    expect(lossOf("initial")).not.toBe(lossOf("trained"));
  });

  it.each(["scales", "code-tanh4"] as const)(
    "lets the sampling network (%s) climb: after its step the same images are further away",
    async (sampling) => {
      const config = configOf({
        sampling,
        calibrationSteps: 0,
        samplingWidth: 8,
        samplingMomentum: 0,
        samplingLearningRate: 1e-6,
      });
      const context = await contextOf(config);
      const state = ncfm.init(context, config);
      const first = ncfm.step(context, state, config, 0);
      const moved = first.state.sampling.parameters!;
      const gradient = tf.div(tf.sub(moved, state.sampling.parameters!), config.samplingLearningRate);
      const length2 = tf.sum(tf.square(gradient)).dataSync()[0]!;
      expect(length2).toBeGreaterThan(0);
      // A step of rate·∇ raises the distance by rate·|∇|² to first order.
      const rate = (0.01 * first.loss) / length2;
      const uphill = {
        ...state,
        sampling: {
          ...state.sampling,
          parameters: tf.add<tf.Tensor1D>(state.sampling.parameters!, tf.mul(gradient, rate)),
        },
      };
      const gain = ncfm.step(context, uphill, config, 0).loss - first.loss;
      expect(gain / (rate * length2)).toBeGreaterThan(0.7);
      expect(gain / (rate * length2)).toBeLessThan(1.3);
    },
  );

  it("takes real batches at random, or the first images of the class as the released code does", async () => {
    const read: number[][] = [];
    const base = configOf({ realBatch: 3 });
    const context = await contextOf(base);
    const watched: RunContext = {
      ...context,
      real: {
        ...context.real,
        read: (indices) => {
          read.push(Array.from(indices));
          return context.real.read(indices);
        },
      },
    };
    const state = ncfm.init(watched, base);
    for (const realSampling of ["prefix", "random"] as const) {
      for (const step of [0, 1]) ncfm.step(watched, state, { ...base, realSampling }, step);
    }
    const firsts = [0, 1, 2].map((label) => Array.from(context.real.ofClass(label).slice(0, 3)));
    expect(read.slice(0, 6)).toEqual([...firsts, ...firsts]);
    expect(read.slice(6, 9)).not.toEqual(read.slice(9, 12));
  });

  it("gives a set that says how it decodes, and on request a teacher's labels", async () => {
    const config = configOf({ labels: "teacher", ipc: 2 });
    const context = await contextOf(config);
    const set = ncfm.result(context, ncfm.init(context, config), config);
    expect(set.factor).toBe(2);
    expect(set.size).toBe(6);
    if (set.labels.kind !== "soft") throw new Error("wanted soft labels");
    const { values } = set.labels;
    for (let i = 0; i < 6; i++) {
      const row = Array.from(values.slice(i * 3, i * 3 + 3));
      expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
      expect(row.indexOf(Math.max(...row))).toBe(Math.floor(i / 2));
    }
  });

  it("improves on its first images within seconds", async () => {
    const dataset = toyDataset({ classes: 5, perClass: 12 });
    const config = configOf({ network: "convnet1-w8", realBatch: 12, imageLearningRate: 0.05 });
    const context = await contextOf(config, dataset);
    const first = ncfm.init(context, config);
    const { state } = walk(context, config, 12);
    expect(await lossOf(context, state, config)).toBeLessThan(0.9 * (await lossOf(context, first, config)));
  });

  it("refuses what cannot be", async () => {
    const refused = (config: object): string => {
      try {
        resolveConfig(ncfm, { config: { ipc: 1, ...config } });
      } catch (error) {
        return (error as Error).message;
      }
      return "accepted";
    };
    expect(refused({ amplitudeWeight: 0, phaseWeight: 0 })).toMatchInlineSnapshot(
      `"ncfm config: amplitudeWeight: amplitudeWeight and phaseWeight are both 0: nothing is left to match; set one above 0"`,
    );
    expect(refused({ sampling: "scales", frequencies: 100 })).toMatchInlineSnapshot(
      `"ncfm config: frequencies: frequencies must be a multiple of 16 with sampling "scales", got 100"`,
    );
    expect(refused({ sampling: "scales", discrepancy: "mmd" })).toMatchInlineSnapshot(
      `"ncfm config: sampling: sampling "scales" needs discrepancy "ncf", got "mmd"; leave it "gaussian""`,
    );
    const plain = createRunContext(toyDataset(), 0);
    expect(() =>
      ncfm.step(plain, ncfm.init(plain, configOf()), configOf(), 0),
    ).toThrowErrorMatchingInlineSnapshot(
      `[RunError: ncfm: the pool of networks was not prepared; use distill(), or prepareContext() before init]`,
    );
    expect(() => ncfm.prepare!(plain, configOf({ network: "convnet2-w8-batch" }))).toThrow(
      "pool/0: network convnet2-w8-batch uses batch normalisation",
    );
    expect(() => ncfm.forecast(plain, configOf({ augmentation: "color+blur" }))).toThrow(
      'unknown group "blur"',
    );
    expect(() => ncfm.forecast(plain, configOf({ ipc: 4 }))).toThrow(
      'toy: class "class 0" has 12 training images, wanted at least ipc · factor² = 16; lower ipc or factor',
    );
    expect(() => ncfm.forecast(plain, configOf({ factor: 9 }))).toThrow(
      "factor must be a whole number from 1 to 8",
    );
  });
});

/** Loss on the real images of a network of another kind, trained on a state's set. */
async function lossOf(context: RunContext, state: NcfmState, config: NcfmConfig): Promise<number> {
  const set = ncfm.result(context, state, config);
  const network = context.network("mlp-w16");
  const [images, labels] = [setImages(set), setLabels(set)];
  const recipe = recipeSchema.parse({ learningRate: 0.02, momentum: 0.9, epochs: 30 });
  const trained = await trainNetwork({ network, data: { images, labels }, recipe, key: keyFromSeed(1) });
  const { train, classes } = context.dataset;
  const loss = tf.tidy(() => {
    const all = context.real.read(Array.from({ length: train.size }, (_, i) => i));
    const { logits } = network.apply(trained.theta, all);
    return softmaxCrossEntropy(logits, oneHotLabels(train.labels, classes.length)).dataSync()[0]!;
  });
  disposeTrained(trained);
  tf.dispose([images, labels]);
  return loss;
}
