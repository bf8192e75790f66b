import { readFileSync } from "node:fs";
import { createNetwork, keyFromSeed, normal, useBackend } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { adapterLayout, chooseAdapters } from "./low-rank.ts";

beforeAll(async () => {
  await useBackend("native");
});

/** float32 against recorded float64, relative to the largest element. */
const F32_RTOL = 5e-6;

interface Fixture {
  readonly theta: number[];
  readonly phi: number[];
  readonly images: number[];
  readonly weights: number[];
  readonly logits: number[];
  readonly gradient: number[];
}
const recorded = JSON.parse(
  readFileSync(new URL("../../fixtures/pytorch/low-rank.json", import.meta.url), "utf8"),
) as Fixture;
const network = createNetwork("convnet1-w4-nonorm-nopool-sigmoid", { inputShape: [4, 4, 2], classes: 3 });
const layout = adapterLayout(network, [
  { parameter: "block1/filter", rank: 2 },
  { parameter: "head/weight", rank: 1 },
  { parameter: "head/bias", rank: "full" },
]);
const error = (found: ArrayLike<number>, wanted: readonly number[]): number => {
  expect(found.length).toBe(wanted.length);
  const largest = Math.max(...wanted.map(Math.abs));
  return Math.max(...wanted.map((value, i) => Math.abs(value - found[i]!))) / largest;
};

test("W + A·B of a filter and a head: scores and the gradient in the factors, as PyTorch recorded them", () => {
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const theta = tf.tensor1d(recorded.theta);
    const images = tf.tensor4d(recorded.images, [2, 4, 4, 2]);
    const apply = (phi: tf.Tensor) => network.apply(layout.merge(theta, phi as tf.Tensor1D), images).logits;
    const phi = tf.tensor1d(recorded.phi);
    expect(error(apply(phi).dataSync(), recorded.logits)).toBeLessThan(F32_RTOL);
    const loss = (x: tf.Tensor) => tf.sum(tf.mul(apply(x), tf.tensor2d(recorded.weights, [2, 3])));
    expect(error(tf.grad(loss)(phi).dataSync(), recorded.gradient)).toBeLessThan(F32_RTOL);
  });
  expect(tf.memory().numTensors).toBe(before);
});

test("a start changes nothing; what is merged is what the factors do one after the other", () => {
  tf.tidy(() => {
    const theta = network.init(keyFromSeed(1));
    const start = layout.init(keyFromSeed(2));
    expect(layout.merge(theta, start).dataSync()).toEqual(theta.dataSync());
    // The second factors are zero and the first are not, or nothing could be learned.
    const values = start.dataSync();
    expect(values.slice(0, 18 * 2).some((value) => value !== 0)).toBe(true);
    expect(values.slice(18 * 2, 22 * 2).every((value) => value === 0)).toBe(true);
    const phi = tf.tensor1d(normal(keyFromSeed(3), layout.parameterCount));
    const images = tf.tensor4d(normal(keyFromSeed(4), 2 * 32), [2, 4, 4, 2]);
    const whole = network.apply(layout.merge(theta, phi), images);
    const encoderOnly = tf.concat([tf.slice(phi, 0, 44), tf.zeros([layout.parameterCount - 44])]);
    const part = network.apply(layout.merge(theta, encoderOnly as tf.Tensor1D), images);
    const a = tf.reshape(tf.slice(phi, 44, 64), [64, 1]);
    const b = tf.reshape(tf.slice(phi, 108, 3), [1, 3]);
    const factored = tf.add(
      tf.add(part.logits, tf.matMul(tf.matMul(part.embedding, a), b)),
      tf.slice(phi, 111, 3),
    );
    const [found, wanted] = [whole.logits.dataSync(), factored.dataSync()];
    found.forEach((value, i) => expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-5));
  });
});

test("numbers: Σ r·(in + out), and the whole tensor where that is no more", () => {
  expect(layout.parameterCount).toBe(2 * (3 * 3 * 2 + 4) + (64 + 3) + 3);
  const net = createNetwork("convnet2-w16-batch", { inputShape: [8, 8, 3], classes: 5 });
  expect(chooseAdapters(net, { encoderRank: 4, headRank: 64 })).toEqual([
    { parameter: "block1/filter", rank: 4 },
    { parameter: "block2/filter", rank: 4 },
    { parameter: "head/weight", rank: "full" },
    { parameter: "head/bias", rank: "full" },
  ]);
  expect(chooseAdapters(net, { encoderRank: 0, headRank: 1 })[0]).toEqual({
    parameter: "head/weight",
    rank: 1,
  });
  expect(() =>
    adapterLayout(net, [{ parameter: "block1/gamma", rank: 1 }]),
  ).toThrowErrorMatchingInlineSnapshot(
    `[ConfigError: adapters: wanted a rank of at least 1 on a filter or weight, got 1 on "block1/gamma" [16]]`,
  );
  expect(() => adapterLayout(net, [{ parameter: "block9", rank: 1 }])).toThrow(
    'has no parameter "block9"; known:',
  );
});
