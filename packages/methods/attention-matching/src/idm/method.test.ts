import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createRunContext, disposeState, foldIn, useBackend, type RunContext } from "@limbeck/core";
import { testMethod, toyDataset } from "@limbeck/core/testing";
import { dm } from "../dm/method.ts";
import { accuracyOf } from "../shared/testing/accuracy-of.ts";
import { dmConfigSchema } from "../dm/config.ts";
import { idmConfigSchema, type IdmConfig } from "./config.ts";
import { idm, type IdmState } from "./method.ts";
import { runningAccuracy, trainQueued } from "./network-queue.ts";

const small = {
  ipc: 1,
  iterations: 8,
  network: "mlp-w16",
  realBatch: 12,
  queueCapacity: 3,
  pushInterval: 2,
  trainingBatch: 12,
  trainingSteps: 2,
  networkLearningRate: 0.05,
  imageLearningRate: 0.1,
} as const;

// The weight of the cross-entropy grows with the networks' accuracy, and with it the loss.
testMethod(idm, { config: { ...small, crossEntropyWeight: 0 }, lossFallsTo: 1 });

const configOf = (changes: Partial<IdmConfig> = {}): IdmConfig =>
  idmConfigSchema.parse({ ...small, ...changes });

function walk(context: RunContext, config: IdmConfig, steps: number, from?: IdmState): IdmState {
  let state = from ?? idm.init(context, config);
  for (let i = 0; i < steps; i++) {
    const next = idm.step(context, state, config, i).state;
    disposeState(state, next);
    state = next;
  }
  return state;
}

describe("idm", () => {
  beforeAll(() => useBackend("cpu"));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it("has DM's loss where nothing decodes, nothing is trained and the cross-entropy has no weight", () => {
    const run = createRunContext(toyDataset(), 5);
    const shared = { ipc: 2, network: "mlp-w16", realBatch: 12, augmentation: "none" } as const;
    const config = configOf({
      ...shared,
      factor: 1,
      initialisation: "real",
      crossEntropyWeight: 0,
      queueStart: 0,
    });
    const state = idm.init(run, config);
    const { loss, terms } = idm.step(run, state, config, 0);
    // DM on the queue's only network: the same context but for the key of its own fresh one.
    const network = run.network("mlp-w16");
    const theta = network.init(foldIn(foldIn(run.key, "queue"), 0));
    const same: RunContext = { ...run, network: () => ({ ...network, init: () => tf.clone(theta) }) };
    const images = { images: state.images, velocity: state.velocity };
    const theirs = dm.step(same, images, dmConfigSchema.parse(shared), 0);
    expect(loss / theirs.loss).toBeCloseTo(1, 5);
    expect(Object.keys(terms)).toEqual(["mean", "networkAccuracy"]);
  });

  it("keeps a queue: three at first, one more each interval, the oldest leaves", () => {
    const run = createRunContext(toyDataset(), 5);
    const config = configOf({ queueCapacity: 4, trainedNetworks: 0 });
    let state = idm.init(run, config);
    const bits = (slot: number): number => state.queue[slot]!.theta.dataSync()[0]!;
    expect(Object.keys(state.queue)).toEqual(["0", "1", "2"]);
    const first = bits(0);
    const sizes: number[] = [];
    for (let i = 0; i < 4; i++) {
      const { state: next } = idm.step(run, state, config, i);
      disposeState(state, next);
      state = next;
      sizes.push(Object.keys(state.queue).length);
      if (i === 1) expect(bits(0)).toBe(first);
    }
    expect(sizes).toEqual([4, 4, 4, 4]);
    // The fifth network, pushed at iteration 2, took the first one's place.
    expect(bits(0)).not.toBe(first);
    expect(state.pushed).toBe(5);
  });

  it("weighs the cross-entropy by the running training accuracy, in percent or as a fraction", () => {
    const run = createRunContext(toyDataset(), 5);
    const config = configOf({ augmentation: "none", factor: 1, initialisation: "real", pushInterval: 100 });
    const fresh = idm.init(run, config);
    expect(idm.step(run, fresh, config, 1).terms["crossEntropy"]).toBe(0);
    const queue = Object.fromEntries(
      Object.entries(fresh.queue).map(([slot, network]) => [slot, { ...network, seen: 8, correct: 6 }]),
    );
    const state = { ...fresh, queue };
    const percent = idm.step(run, state, config, 1).terms;
    expect(percent["networkAccuracy"]).toBe(75);
    const fraction = idm.step(run, state, { ...config, accuracyUnit: "fraction" }, 1).terms;
    expect(percent["crossEntropy"]! / fraction["crossEntropy"]!).toBeCloseTo(100, 3);
    // By hand: the sum over classes of the cross-entropy of one image each, under the network that was drawn.
    const network = run.network(config.network);
    const candidates = Object.values(state.queue).map(({ theta }) => {
      const p = tf.softmax(network.apply(theta, state.images).logits).arraySync() as number[][];
      return p.reduce((sum, row, label) => sum - Math.log(row[label]!), 0) * 0.5 * 75;
    });
    const nearest = Math.min(...candidates.map((value) => Math.abs(value / percent["crossEntropy"]! - 1)));
    expect(nearest).toBeLessThan(1e-4);
  });

  it("counts accuracies anew after each window", () => {
    const run = createRunContext(toyDataset(), 5);
    const config = configOf({ accuracyWindow: 3, trainedNetworks: 3, pushInterval: 100 });
    const seen = (state: IdmState): number[] => Object.values(state.queue).map((network) => network.seen);
    const three = walk(run, config, 3);
    expect(Math.max(...seen(three))).toBe(3 * 24);
    const { state } = idm.step(run, three, config, 3);
    expect(Math.max(...seen(state))).toBe(24);
  });

  it("trains networks of the queue on real images: two plain steps by hand, and what was right is counted", () => {
    const dataset = toyDataset();
    const run = createRunContext(dataset, 5);
    // All images in every batch: the draw does not matter.
    const config = configOf({ trainingBatch: 36, networkMomentum: 0.9, networkWeightDecay: 0.1 });
    const network = run.network(config.network);
    const [queued] = Object.values(idm.init(run, config).queue);
    const trained = trainQueued(run, config, queued!, run.key);
    const images = run.real.read(Array.from({ length: 36 }, (_, i) => i));
    const labels = tf.oneHot(tf.tensor1d(dataset.train.labels, "int32"), 3);
    let [theta, velocity] = [queued!.theta, tf.zerosLike(queued!.theta)];
    let correct = 0;
    for (let i = 0; i < 2; i++) {
      const { logits } = network.apply(theta, images);
      const found = tf.argMax(logits, 1).dataSync();
      correct += Array.from(found).filter((label, j) => label === dataset.train.labels[j]).length;
      const gradient = tf.grad((at) => {
        const p = tf.softmax(network.apply(at as tf.Tensor1D, images).logits);
        return tf.neg(tf.mean(tf.log(tf.sum(tf.mul(p, labels), 1))));
      })(theta);
      velocity = tf.add(tf.mul(velocity, 0.9), tf.add(gradient, tf.mul(theta, 0.1)));
      theta = tf.sub(theta, tf.mul(velocity, 0.05));
    }
    expect(tf.max(tf.abs(tf.sub(theta, trained.theta))).dataSync()[0]).toBeLessThan(1e-5);
    expect(trained).toMatchObject({ seen: 72, correct });
    expect(runningAccuracy(trained, config)).toBeCloseTo((100 * correct) / 72, 10);
  });

  it("makes of noise a set that trains a network, within seconds", async () => {
    const dataset = toyDataset({ classes: 4 });
    const run = createRunContext(dataset, 5);
    const config = configOf({
      trainedNetworks: 3,
      networkLearningRate: 0.1,
      initialisation: "noise",
      factor: 1,
      augmentation: "none",
    });
    const before = idm.init(run, config);
    const first = idm.result(run, before, config);
    const after = walk(run, config, 15, before);
    const set = idm.result(run, after, config);
    expect(await accuracyOf(set, dataset)).toBeGreaterThan((await accuracyOf(first, dataset)) + 15);
  });

  it("refuses batch normalisation, a factor that does not fit and a weight below 0", () => {
    const run = createRunContext(toyDataset(), 5);
    expect(() =>
      idm.init(run, configOf({ network: "convnet2-w8-batch" })),
    ).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: idm: network convnet2-w8-batch uses batch normalisation, which networks of the queue cannot have; choose another norm, such as instance]`,
    );
    expect(() => idm.forecast(run, configOf({ factor: 9 }))).toThrow(
      "factor must be a whole number from 1 to 8",
    );
    expect(idmConfigSchema.safeParse({ ipc: 1, crossEntropyWeight: -1 }).success).toBe(false);
  });

  it("forecasts the whole queue", () => {
    const run = createRunContext(toyDataset(), 5);
    const bytes = (queueCapacity: number): number => idm.forecast(run, configOf({ queueCapacity })).peakBytes;
    expect(bytes(12) - bytes(2)).toBe(10 * 8 * run.network("mlp-w16").parameterCount);
  });
});
