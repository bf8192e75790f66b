import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRunContext, resolveConfig, useBackend } from "@limbeck/core";
import { testMethod, toyDataset } from "@limbeck/core/testing";
import { datadamConfigSchema } from "../datadam/config.ts";
import { datadam } from "../datadam/method.ts";
import { attentionDistance } from "../shared/testing/attention-reference.ts";
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

  it.each([
    ["one power, in the fused blocks", 2, 2],
    ["two powers, from whole activations", 1, 2],
  ])(
    "computes its terms of plain arithmetic on the network's activations: %s",
    async (_, attentionPower, channelPower) => {
      await useBackend("native");
      const run = createRunContext(toyDataset(), 5);
      const powers = { attentionPower, channelPower };
      const config = atomConfigSchema.parse({ ...small, ...powers, augmentation: "none", realBatch: 12 });
      const state = atom.init(run, config);
      const { terms, loss } = atom.step(run, state, config, 0);
      const step = { run, network: config.network, images: state.images };
      const spatial = attentionDistance({ ...step, power: attentionPower, entry: (position) => position });
      const channel = attentionDistance({ ...step, power: channelPower, entry: (_position, own) => own });
      expect(terms["spatial"]! / (100 * spatial)).toBeCloseTo(1, 4);
      expect(terms["channel"]! / (100 * channel)).toBeCloseTo(1, 4);
      expect(Object.keys(terms)).toEqual(["spatial", "channel", "mean"]);
      expect(loss).toBe(terms["spatial"]! + terms["channel"]! + terms["mean"]!);
    },
  );

  it("moves the images alike with one power and with two that differ by nothing that counts", async () => {
    await useBackend("native");
    const run = createRunContext(toyDataset(), 5);
    const moved = (channelPower: number): tf.Tensor => {
      const config = atomConfigSchema.parse({ ...small, attentionPower: 2, channelPower });
      return atom.step(run, atom.init(run, config), config, 0).state.images;
    };
    // A second power takes the other way through the network.
    const [together, apart] = [moved(2), moved(2 + 1e-9)];
    expect(tf.max(tf.abs(tf.sub(together, apart))).dataSync()[0]).toBeLessThan(1e-4);
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
