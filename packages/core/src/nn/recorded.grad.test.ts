import { readFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { gradientAlong } from "../grad/gradient-along.ts";
import { softmaxCrossEntropy } from "../grad/softmax-cross-entropy.ts";
import { availableBackEnds } from "../grad/testing/back-ends.ts";
import { createNetwork } from "./create-network.ts";
import type { Network } from "./network.ts";
import { vit } from "./vit.ts";

/** float32 against recorded float64: largest difference over the largest element of the array (measured: 6e-7 and 1e-6). */
const F32_FIRST_RTOL = 2e-6;
const F32_SECOND_RTOL = 5e-6;
/** Of the ViT: its erf is a polynomial good to 1e-7, and ⟨g, v⟩ is a tenth of its terms (measured: 1.6e-5). */
const VIT_SECOND_RTOL = 4e-5;

interface Fixture {
  readonly network: string;
  readonly inputShape: [number, number, number];
  readonly classes: number;
  readonly theta: number[];
  readonly images: number[];
  readonly labels: number[];
  readonly direction: number[];
  readonly logits: number[];
  readonly loss: number;
  readonly gradient: number[];
  readonly imageGradient: number[];
  readonly along: number;
  readonly alongTheta: number[];
  readonly alongImages: number[];
  readonly alongLabels: number[];
}

function fixture(name: string): Fixture {
  return JSON.parse(
    readFileSync(new URL(`../../fixtures/pytorch/${name}.json`, import.meta.url), "utf8"),
  ) as Fixture;
}

/** The network that a fixture is of; the small ViT has patches and heads that its name does not spell. */
function networkOf({ network, inputShape, classes }: Fixture): Network {
  const input = { inputShape, classes };
  return network.startsWith("vit")
    ? vit({ ...input, depth: 2, width: 8, heads: 2, patch: 4 })
    : createNetwork(network, input);
}

function largest(x: ArrayLike<number>): number {
  return Array.from(x).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
}

/** Largest |found − recorded| over the largest |recorded|. */
function error(found: tf.Tensor, recorded: readonly number[]): number {
  const values = found.dataSync();
  expect(values.length).toBe(recorded.length);
  return largest(recorded.map((value, i) => value - values[i]!)) / largest(recorded);
}

const backEnds = await availableBackEnds();

describe.each(["convnet3-instance", "convnet3-batch", "vit"])("%s", (name) => {
  it.each(backEnds)("has the derivatives that PyTorch recorded in float64, on %s", async (backEnd) => {
    await tf.setBackend(backEnd);
    const recorded = fixture(name);
    const { inputShape, classes } = recorded;
    const network = networkOf(recorded);
    const secondTolerance = name === "vit" ? VIT_SECOND_RTOL : F32_SECOND_RTOL;
    const count = recorded.labels.length / classes;
    tf.tidy(() => {
      const theta = tf.tensor1d(recorded.theta);
      const images = tf.tensor4d(recorded.images, [count, ...inputShape]);
      const labels = tf.tensor2d(recorded.labels, [count, classes]);
      expect(error(network.apply(theta, images).logits, recorded.logits)).toBeLessThan(F32_FIRST_RTOL);

      const loss = (t: tf.Tensor, x: tf.Tensor, y: tf.Tensor) =>
        softmaxCrossEntropy(network.apply(t as tf.Tensor1D, x as tf.Tensor4D).logits, y as tf.Tensor2D);
      const { value, grads } = tf.valueAndGrads(loss)([theta, images, labels]);
      expect(error(value, [recorded.loss])).toBeLessThan(F32_FIRST_RTOL);
      expect(error(grads[0]!, recorded.gradient)).toBeLessThan(F32_FIRST_RTOL);
      expect(error(grads[1]!, recorded.imageGradient)).toBeLessThan(F32_FIRST_RTOL);

      const along = gradientAlong(loss, theta, images, labels, tf.tensor1d(recorded.direction));
      expect(error(along.value, [recorded.along])).toBeLessThan(secondTolerance);
      expect(error(along.theta, recorded.alongTheta)).toBeLessThan(secondTolerance);
      expect(error(along.images, recorded.alongImages)).toBeLessThan(secondTolerance);
      expect(error(along.labels, recorded.alongLabels)).toBeLessThan(secondTolerance);
    });
  });
});
