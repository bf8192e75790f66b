import * as tf from "@tensorflow/tfjs-core";
import { createRunContext, disposeState, distill, foldIn, forecastRun, normaliseImages } from "@limbeck/core";
import { testMethod, toyDataset } from "@limbeck/core/testing";
import { describe, expect, it } from "vitest";
import { classGradient, realBatch } from "../shared/class-gradient.ts";
import { differenceDistance } from "../shared/gradient-distance.ts";
import { accuracyOf } from "../shared/testing/accuracy-of.ts";
import { greyContext, largestDifference, onCpuWithoutLeaks } from "../shared/testing/gradient-setting.ts";
import { idcConfigSchema, type IdcConfig } from "./config.ts";
import { idc, type IdcState } from "./method.ts";

const small = {
  ipc: 1,
  iterations: 8,
  network: "convnet1-w4",
  realBatch: 6,
  baseLearningRate: 5,
  baseSize: 6,
  factor: 2,
  augmentation: "crop",
  updatesPerNetwork: 3,
  trainingImages: 12,
  trainingBatch: 6,
} as const;
const toy = toyDataset({ classes: 2, shape: [6, 6, 1] });

testMethod(idc, { config: { ...small, initialisation: "noise" }, dataset: toy });

describe("idc", () => {
  onCpuWithoutLeaks();

  const parse = (change: object = {}): IdcConfig => idcConfigSchema.parse({ ...small, ...change });

  it("stores pixels in [0, 1], normalises them in the set, and says how they decode", () => {
    const run = greyContext();
    const config = parse();
    const state = idc.init(run, config);
    expect(tf.min(state.pixels).dataSync()[0]!).toBeGreaterThanOrEqual(0);
    expect(tf.max(state.pixels).dataSync()[0]!).toBeLessThanOrEqual(1);
    const set = idc.result(run, { ...state, pixels: tf.mul(state.pixels, 3) }, config);
    expect(set.factor).toBe(2);
    // Mean 0.5 and deviation 0.25: from −2 to 2, clamped.
    expect(Math.max(...set.images)).toBe(2);
    expect(Math.min(...set.images)).toBeGreaterThanOrEqual(-2);
    expect(idc.result(run, state, parse({ factor: 1 })).factor).toBeUndefined();
  });

  it("takes one SGD step of all images for each class: momentum carries the others on", () => {
    const run = greyContext();
    const config = parse({ factor: 1, augmentation: "none", baseLearningRate: 0.5, initialisation: "real" });
    const rate = 0.5 / 10;
    const network = run.network(config.network);
    const filters = network.parameters.filter(({ shape }) => shape.length === 4);
    const first = idc.init(run, config);
    const state: IdcState = { ...first, velocity: tf.mul(tf.onesLike(first.velocity), 0.1) };
    const { state: next, loss } = idc.step(run, state, config, 1);
    // The authors' loop, written out: one optimiser, one step a class, zeros for the gradients of the other classes.
    let [pixels, velocity] = [state.pixels, state.velocity];
    let sum = 0;
    for (let label = 0; label < 3; label++) {
      const { distance, gradient } = classGradient({
        network,
        theta: state.theta,
        statistics: undefined,
        label,
        real: realBatch(run, label, config.realBatch, foldIn(run.key, 1)),
        stored: tf.slice(pixels, [label, 0, 0, 0], [1, -1, -1, -1]),
        batchOf: (stored) => normaliseImages(stored, run.dataset.normalisation),
        distance: (a, b) => differenceDistance("mse", a, b, filters),
      });
      sum += distance.dataSync()[0]!;
      const all = tf.pad(gradient, [
        [label, 2 - label],
        [0, 0],
        [0, 0],
        [0, 0],
      ]);
      velocity = tf.add(tf.mul(velocity, 0.5), all);
      pixels = tf.sub(pixels, tf.mul(velocity, rate));
    }
    expect(loss / sum).toBeCloseTo(1, 4);
    expect(largestDifference(next.pixels, pixels)).toBeLessThan(1e-5);
    expect(largestDifference(next.velocity, velocity)).toBeLessThan(1e-4);
  });

  it("trains the network on real images between updates, and starts each network from pixels in [0, 1]", () => {
    const run = greyContext();
    const config = parse({ baseLearningRate: 50 });
    const states: IdcState[] = [idc.init(run, config)];
    const terms = Array.from({ length: 4 }, (_, step) => {
      const result = idc.step(run, states[step]!, config, step);
      states.push(result.state);
      return result.terms;
    });
    const thetas = states.map(({ theta }) => theta);
    expect(largestDifference(thetas[1]!, thetas[0]!)).toBeGreaterThan(0);
    expect(tf.max(tf.abs(states[1]!.networkVelocity)).dataSync()[0]!).toBeGreaterThan(0);
    // After three updates: the next network of the run, as it starts.
    const fresh = run.network(config.network).init(foldIn(foldIn(run.key, "network"), 1));
    expect(largestDifference(thetas[3]!, fresh)).toBe(0);
    expect(tf.max(tf.abs(states[3]!.networkVelocity)).dataSync()[0]).toBe(0);
    expect(terms.map(({ training }) => training! > 0)).toEqual([true, true, false, true]);
    // A large step leaves [0, 1]; only the next network's first update brings the pixels back.
    const outside = { ...states[2]!, pixels: tf.add<tf.Tensor4D>(states[2]!.pixels, 5) };
    const still = parse({ baseLearningRate: 1e-9, imageMomentum: 0 });
    const pixelsAfter = (step: number) =>
      tf.max(idc.step(run, outside, still, step).state.pixels).dataSync()[0]!;
    expect([pixelsAfter(2) > 4, pixelsAfter(3) > 1.001]).toEqual([true, false]);
  });

  it("pretrains a fresh network on the real images where asked", () => {
    const run = greyContext();
    const [cold, warm] = [0, 1].map((pretrainEpochs) => idc.init(run, parse({ pretrainEpochs })));
    expect(largestDifference(cold!.theta, warm!.theta)).toBeGreaterThan(0);
  });

  it("scales its step by the images per class and the area, and takes a part of many decoded images", () => {
    const run = greyContext();
    const config = parse({ imageMomentum: 0, augmentation: "none", initialisation: "real" });
    const state = idc.init(run, config);
    const movedBy = (change: object) =>
      tf.sub(idc.step(run, state, parse({ ...config, ...change }), 1).state.pixels, state.pixels);
    const once = movedBy({});
    expect(largestDifference(movedBy({ baseSize: 12 }), tf.div(once, 4))).toBeLessThan(1e-5);
    expect(largestDifference(movedBy({ syntheticBatch: 2 }), once)).toBeGreaterThan(1e-5);
  });

  it("refuses a network without filters, and a single class, before anything starts", () => {
    const config = { ...small, network: "mlp" };
    expect(() => forecastRun(idc, toy, { config })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: idc: network mlp has no convolution filters, and their gradients are all that is matched; choose a convolutional network, or dc]`,
    );
    expect(() => forecastRun(idc, toyDataset({ classes: 1 }), { config: small })).toThrow("got 1");
    expect(() => forecastRun(idc, toy, { config: { ...small, factor: 7 } })).toThrow("factor must be");
  });

  it("learns: networks trained on its images beat those trained on the noise it starts from", async () => {
    const dataset = toyDataset({ classes: 3, shape: [6, 6, 1] });
    const config = { ...small, network: "convnet1-w8", initialisation: "noise", iterations: 16 } as const;
    const run = createRunContext(dataset, 0);
    const start = idc.init(run, parse(config));
    const first = idc.result(run, start, parse(config));
    disposeState(start);
    const set = await distill(idc, dataset, { config }).result;
    expect(await accuracyOf(set, dataset)).toBeGreaterThan((await accuracyOf(first, dataset)) + 15);
  });
});
