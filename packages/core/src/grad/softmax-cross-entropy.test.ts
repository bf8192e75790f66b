import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { ShapeError } from "../errors.ts";
import { logSoftmax, softmaxCrossEntropy } from "./softmax-cross-entropy.ts";
import { availableBackEnds } from "./testing/back-ends.ts";
import { derivativeErrors, draw } from "./testing/derivative-error.ts";

/** float32 against float64 closed forms and differences. */
const F32_RTOL = 1e-4;

function crossEntropy(logits: Float64Array, labels: Float64Array): number[] {
  let total = 0;
  for (let n = 0; n < logits.length; n += 3) {
    const row = logits.subarray(n, n + 3);
    const norm = Math.log(row.reduce((sum, s) => sum + Math.exp(s), 0));
    for (let k = 0; k < 3; k++) total += labels[n + k]! * (norm - row[k]!);
  }
  return [(total * 3) / logits.length];
}

const backEnds = await availableBackEnds();

describe.each(backEnds)("softmaxCrossEntropy on %s", (backEnd) => {
  it("has first and second derivatives in logits and labels", async () => {
    await tf.setBackend(backEnd);
    const { first, second } = derivativeErrors({
      op: (s, y) => softmaxCrossEntropy(s as tf.Tensor2D, y as tf.Tensor2D),
      reference: (s, y) => crossEntropy(s!, y!),
      inputs: [
        { values: draw("logits", 12), shape: [4, 3] },
        { values: draw("labels", 12), shape: [4, 3] },
      ],
    });
    expect(first).toBeLessThan(F32_RTOL);
    expect(second).toBeLessThan(F32_RTOL);
  });

  it("has the gradient (softmax − labels) / N", async () => {
    await tf.setBackend(backEnd);
    tf.tidy(() => {
      const logits = tf.tensor2d([0, Math.log(3), 0, 0], [2, 2]);
      const labels = tf.tensor2d([1, 0, 0.25, 0.75], [2, 2]);
      const gradient = tf
        .grad((s) => softmaxCrossEntropy(s as tf.Tensor2D, labels))(logits)
        .dataSync();
      [-0.375, 0.375, 0.125, -0.125].forEach((value, i) => expect(gradient[i]).toBeCloseTo(value, 6));
    });
  });

  it("neither overflows nor loses precision for huge logits", async () => {
    await tf.setBackend(backEnd);
    tf.tidy(() => {
      const logits = tf.tensor2d([1e4, 0, -1e4, 1e4, 1e4, 0], [2, 3]);
      const labels = tf.tensor2d([1, 0, 0, 1, 0, 0], [2, 3]);
      expect(softmaxCrossEntropy(logits, labels).dataSync()[0]).toBeCloseTo(Math.LN2 / 2, 5);
      expect(logSoftmax(logits).dataSync()[2]).toBe(-2e4);
      const gradient = tf
        .grad((s) => softmaxCrossEntropy(s as tf.Tensor2D, labels))(logits)
        .dataSync();
      expect(gradient.every(Number.isFinite)).toBe(true);
    });
  });
});

it("names both shapes where they differ", () => {
  const call = () => tf.tidy(() => softmaxCrossEntropy(tf.zeros([2, 3]), tf.zeros([2, 4])));
  expect(call).toThrow(ShapeError);
  expect(call).toThrow(
    "softmaxCrossEntropy: labels must have shape [2,3] like the logits, got [2,4]; turn class numbers into probabilities with tf.oneHot",
  );
});
