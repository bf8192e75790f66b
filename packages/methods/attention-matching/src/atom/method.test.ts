import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRunContext, foldIn, resolveConfig, useBackend } from "@limbeck/core";
import { testMethod, toyDataset } from "@limbeck/core/testing";
import { datadamConfigSchema } from "../datadam/config.ts";
import { datadam } from "../datadam/method.ts";
import { atomConfigSchema } from "./config.ts";
import { atom } from "./method.ts";

const small = {
  ipc: 2,
  iterations: 8,
  network: "convnet2-w8",
  realBatch: 6,
  imageLearningRate: 0.1,
  attentionPower: 1,
  channelPower: 1,
  attentionWeight: 100,
  channelWeight: 100,
  meanWeight: 1,
} as const;

testMethod(atom, { config: small });

describe("atom", () => {
  beforeEach(async () => {
    await useBackend("cpu");
    tf.engine().startScope();
  });
  afterEach(() => tf.engine().endScope());

  it("is DataDAM where the channel weight is 0", () => {
    const run = createRunContext(toyDataset(), 5);
    const config = atomConfigSchema.parse({ ...small, channelWeight: 0 });
    const { channelPower: _p, channelWeight: _w, ...shared } = small;
    const state = atom.init(run, config);
    const ours = atom.step(run, state, config, 3);
    const theirs = datadam.step(run, state, datadamConfigSchema.parse(shared), 3);
    expect(ours.loss).toBe(theirs.loss);
    expect(ours.state.images.dataSync()).toEqual(theirs.state.images.dataSync());
  });

  it("computes the channel term of plain arithmetic on the network's activations, and its sum with the others", () => {
    const run = createRunContext(toyDataset(), 5);
    const config = atomConfigSchema.parse({
      ...small,
      channelPower: 2,
      augmentation: "none",
      realBatch: 12,
    });
    const state = atom.init(run, config);
    const { terms, loss } = atom.step(run, state, config, 0);
    const network = run.network(config.network);
    const theta = network.init(foldIn(foldIn(run.key, 0), "network"));
    const meanChannels = (images: tf.Tensor4D): number[] => {
      const [activation] = network.apply(theta, images, { activations: true }).activations!;
      const [n, h, w, c] = activation!.shape;
      const values = activation!.dataSync();
      const mean = new Array<number>(c).fill(0);
      for (let i = 0; i < n; i++) {
        const q = new Array<number>(c).fill(0);
        for (let p = 0; p < h * w; p++)
          for (let k = 0; k < c; k++) q[k]! += values[(i * h * w + p) * c + k]! ** 2;
        const norm = Math.hypot(...q);
        q.forEach((value, k) => (mean[k]! += value / norm / n));
      }
      return mean;
    };
    let expected = 0;
    for (let label = 0; label < 3; label++) {
      const real = meanChannels(run.real.read(run.real.ofClass(label)));
      const synthetic = meanChannels(tf.slice(state.images, [label * 2, 0, 0, 0], [2, -1, -1, -1]));
      expected += real.reduce((sum, value, k) => sum + (value - synthetic[k]!) ** 2, 0);
    }
    expect(terms["channel"]! / (100 * expected)).toBeCloseTo(1, 4);
    expect(Object.keys(terms)).toEqual(["spatial", "channel", "mean"]);
    expect(loss).toBe(terms["spatial"]! + terms["channel"]! + terms["mean"]!);
  });

  it("refuses a network with a single block, and a configuration that leaves nothing to match", () => {
    const run = createRunContext(toyDataset(), 5);
    const config = atomConfigSchema.parse({ ...small, network: "convnet1-w8", attentionWeight: 0 });
    expect(() => atom.step(run, atom.init(run, config), config, 0)).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: atom: network convnet1-w8 has 1 blocks with activation maps; attention matching needs at least 2. Choose a deeper network or set channelWeight to 0]`,
    );
    const nothing = { ipc: 1, attentionWeight: 0, channelWeight: 0, meanWeight: 0 };
    expect(() => resolveConfig(atom, { config: nothing })).toThrow(
      "attentionWeight, channelWeight and meanWeight are all 0: nothing is left to match; set one above 0",
    );
  });
});
