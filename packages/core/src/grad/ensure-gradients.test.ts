import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { differentiableKernels, ensureGradients } from "./ensure-gradients.ts";
import { availableBackEnds } from "./testing/back-ends.ts";

const backEnds = await availableBackEnds();

describe("ensureGradients", () => {
  it("registers one rule a kernel, and the same ones when it is called again", () => {
    const names = differentiableKernels();
    expect(new Set(names).size).toBe(names.length);
    const before = names.map((name) => tf.getGradient(name));
    ensureGradients();
    expect(names.map((name) => tf.getGradient(name))).toEqual(before);
  });

  it("replaces a rule that another module registered later", () => {
    ensureGradients();
    const ours = tf.getGradient(tf.Sigmoid);
    tf.registerGradient({
      kernelName: tf.Sigmoid,
      gradFunc: (dy) => ({ x: () => tf.zerosLike(dy as tf.Tensor) }),
    });
    ensureGradients();
    expect(tf.getGradient(tf.Sigmoid)).toBe(ours);
  });

  it.each(backEnds)("leaves no kernel missing on %s that a rule needs", async (backEnd) => {
    await tf.setBackend(backEnd);
    ensureGradients();
    const needed = [
      tf.AvgPoolGrad,
      tf.Conv2DBackpropFilter,
      tf.Conv2DBackpropInput,
      tf.MaxPoolGrad,
      tf.UnsortedSegmentSum,
    ];
    expect(needed.filter((name) => (tf.getKernel(name, backEnd) as unknown) === undefined)).toEqual([]);
  });

  it("leaves the kernels of the plain back end alone", async () => {
    await tf.setBackend("cpu");
    const kernel = tf.getKernel(tf.Conv2DBackpropFilter, "cpu");
    ensureGradients();
    expect(tf.getKernel(tf.Conv2DBackpropFilter, "cpu")).toBe(kernel);
  });
});
