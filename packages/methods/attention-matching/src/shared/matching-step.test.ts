import { createRunContext, peakBytes, resetPeakBytes, useBackend } from "@limbeck/core";
import { toyDataset } from "@limbeck/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, expect, it } from "vitest";
import { datadamConfigSchema, type DatadamConfig } from "../datadam/config.ts";
import { datadam } from "../datadam/method.ts";

/** Sums over samples made in another order, two layers of unit attention deep. */
const ROUNDING = 1e-5;
const dataset = toyDataset({ perClass: 40 });
const config = datadamConfigSchema.parse({
  ipc: 1,
  iterations: 1,
  network: "convnet2-w16",
  realBatch: 40,
  imageMomentum: 0,
});

let before = 0;
beforeEach(async () => {
  await useBackend("cpu");
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors).toBe(before);
});

/** Loss, image gradient and peak of a first step. */
async function firstStep(
  samplesAtOnce: number | undefined,
  change: Partial<DatadamConfig> = {},
): Promise<{ loss: number; gradient: Float32Array; bytes: number; forecast: number }> {
  await useBackend("cpu", samplesAtOnce === undefined ? {} : { samplesAtOnce });
  const own = { ...config, ...change };
  const context = createRunContext(dataset, 3);
  const state = datadam.init(context, own);
  resetPeakBytes();
  const held = peakBytes();
  const { state: next, loss } = datadam.step(context, state, own, 0);
  const bytes = peakBytes() - held;
  const gradient = Float32Array.from(next.velocity.dataSync());
  tf.dispose([state.images, state.velocity, next.images, next.velocity]);
  return { loss, gradient, bytes, forecast: datadam.forecast(context, own).peakBytes };
}

it("takes the real images of a class in pieces: same loss and gradient within rounding, less memory", async () => {
  const whole = await firstStep(undefined);
  const split = await firstStep(7);
  expect(Math.abs(split.loss / whole.loss - 1)).toBeLessThan(ROUNDING);
  const scale = Math.max(...whole.gradient.map(Math.abs));
  const error = Math.max(...split.gradient.map((value, i) => Math.abs(value - whole.gradient[i]!)));
  expect(error / scale).toBeLessThan(ROUNDING);
  expect(split.bytes / whole.bytes).toBeLessThan(0.3);
  expect(split.forecast).toBeLessThan(whole.forecast);
});

it("changes nothing under batch normalisation, and promises nothing", async () => {
  const change = { network: "convnet2-w4-batch", realBatch: 8 };
  const [whole, split] = [await firstStep(undefined, change), await firstStep(3, change)];
  expect(split.gradient).toEqual(whole.gradient);
  expect(split.forecast).toBe(whole.forecast);
});
