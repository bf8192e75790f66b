import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRunContext, useBackend, type RunContext } from "@limbeck/core";
import { testMethod, toyDataset } from "@limbeck/core/testing";
import { dmConfigSchema } from "../dm/config.ts";
import { dm } from "../dm/method.ts";
import { attentionDistance } from "../shared/testing/attention-reference.ts";
import { datadamConfigSchema } from "./config.ts";
import { datadam } from "./method.ts";

const small = {
  ipc: 2,
  iterations: 8,
  network: "convnet2-w8",
  realBatch: 6,
  imageLearningRate: 0.1,
  attentionPower: 1,
  attentionWeight: 100,
  meanWeight: 1,
} as const;

testMethod(datadam, { config: small });

const context = (): RunContext => createRunContext(toyDataset(), 5);

describe("datadam", () => {
  beforeEach(async () => {
    await useBackend("cpu");
    tf.engine().startScope();
  });
  afterEach(() => tf.engine().endScope());

  it("is DM where the attention weight is 0 and the mean weight 1", () => {
    const run = context();
    const config = datadamConfigSchema.parse({ ...small, attentionWeight: 0 });
    const { attentionPower: _p, attentionWeight: _a, meanWeight: _m, ...shared } = small;
    const state = datadam.init(run, config);
    const ours = datadam.step(run, state, config, 3);
    const dms = dm.step(run, state, dmConfigSchema.parse(shared), 3);
    expect(ours.loss).toBe(dms.loss);
    expect(ours.state.images.dataSync()).toEqual(dms.state.images.dataSync());
  });

  it("reports the terms apart, and their sum as the loss", () => {
    const run = context();
    const config = datadamConfigSchema.parse(small);
    const { loss, terms } = datadam.step(run, datadam.init(run, config), config, 0);
    expect(Object.keys(terms)).toEqual(["attention", "mean"]);
    expect(loss).toBe(terms["attention"]! + terms["mean"]!);
  });

  it("computes the attention term of plain arithmetic on the network's activations", () => {
    const run = context();
    const config = datadamConfigSchema.parse({
      ...small,
      attentionPower: 2,
      meanWeight: 0,
      augmentation: "none",
      realBatch: 12,
    });
    const state = datadam.init(run, config);
    const { terms } = datadam.step(run, state, config, 0);
    const expected = attentionDistance({
      run,
      network: config.network,
      images: state.images,
      power: 2,
      entry: (position) => position,
    });
    expect(terms["attention"]! / (100 * expected)).toBeCloseTo(1, 4);
  });

  it("refuses a network with a single block", () => {
    const run = context();
    const config = datadamConfigSchema.parse({ ...small, network: "convnet1-w8" });
    expect(() => datadam.step(run, datadam.init(run, config), config, 0)).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: datadam: network convnet1-w8 has 1 blocks with activation maps; attention matching needs at least 2. Choose a deeper network or set attentionWeight to 0]`,
    );
  });

  it("refuses a configuration that leaves nothing to match", () => {
    const result = datadamConfigSchema.safeParse({ ...small, attentionWeight: 0, meanWeight: 0 });
    expect(result.error?.issues[0]?.message).toMatchInlineSnapshot(
      `"attentionWeight and meanWeight are both 0: nothing is left to match; set one above 0"`,
    );
  });
});
