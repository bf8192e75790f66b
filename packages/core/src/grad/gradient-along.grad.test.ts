import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { createNetwork } from "../nn/create-network.ts";
import { keyFromSeed } from "../random/key.ts";
import { gradientAlong } from "./gradient-along.ts";
import { softmaxCrossEntropy } from "./softmax-cross-entropy.ts";
import { availableBackEnds } from "./testing/back-ends.ts";
import { draw } from "./testing/derivative-error.ts";

const backEnds = await availableBackEnds();

describe.each(backEnds)("gradientAlong on %s", (backEnd) => {
  it("has the closed form of loss = Σ θ²·x·y", async () => {
    await tf.setBackend(backEnd);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const theta = tf.tensor1d([1, 2, 3]);
      const x = tf.tensor4d([2, -1, 4], [1, 1, 1, 3]);
      const y = tf.tensor2d([1, 5, -2], [1, 3]);
      const v = tf.tensor1d([1, 10, 100]);
      const loss = (t: tf.Tensor1D, i: tf.Tensor4D, l: tf.Tensor2D) =>
        tf.sum<tf.Scalar>(tf.mul(tf.square(t), tf.mul(tf.reshape(i, [3]), tf.reshape(l, [3]))));
      const along = gradientAlong(loss, theta, x, y, v);
      // ⟨∇θ, v⟩ = Σ 2θxyv
      expect(Array.from(along.value.dataSync())).toEqual([4 - 200 - 4800]);
      expect(Array.from(along.theta.dataSync())).toEqual([4, -100, -1600]);
      expect(Array.from(along.images.dataSync())).toEqual([2, 200, -1200]);
      expect(Array.from(along.labels.dataSync())).toEqual([4, -40, 2400]);
      expect(along.images.shape).toEqual([1, 1, 1, 3]);
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(["convnet2-w16", "convnet2-w16-batch", "convnet2-w4-maxpool", "mlp-w8"])(
    "each half of %s alone has the bits of both together",
    async (name) => {
      await tf.setBackend(backEnd);
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const network = createNetwork(name, { inputShape: [8, 8, 3], classes: 3 });
        const theta = network.init(keyFromSeed(4));
        const images = tf.tensor4d(Float32Array.from(draw("images", 4 * 192)), [4, 8, 8, 3]);
        const labels = tf.softmax(tf.tensor2d(Float32Array.from(draw("labels", 12)), [4, 3]));
        const v = tf.tensor1d(Float32Array.from(draw("v", network.parameterCount)));
        const along = (differentiate: "both" | "images" | "parameters") => {
          const found = gradientAlong(
            (t, x, y) => softmaxCrossEntropy(network.apply(t, x).logits, y),
            theta,
            images,
            labels,
            v,
            differentiate,
          );
          return Object.fromEntries(
            Object.entries(found as unknown as Record<string, tf.Tensor>).map(([key, t]) => [
              key,
              t.dataSync(),
            ]),
          );
        };
        const { value, theta: hessian, images: inImages, labels: inLabels } = along("both");
        expect(along("images")).toEqual({ value, images: inImages, labels: inLabels });
        expect(along("parameters")).toEqual({ value, theta: hessian });
      });
      expect(tf.memory().numTensors).toBe(before);
    },
  );
});
