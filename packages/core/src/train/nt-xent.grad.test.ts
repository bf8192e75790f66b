import { readFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { availableBackEnds } from "../grad/testing/back-ends.ts";
import { derivativeErrors, draw } from "../grad/testing/derivative-error.ts";
import { projectionHead } from "../nn/projection-head.ts";
import { ntXent } from "./nt-xent.ts";

/** float32 against float64. */
const F32_RTOL = 1e-4;
/** Absolute, of gradients whose largest element is about 1. */
const F32_ATOL = 2e-6;

/** The loss by plain loops, as the paper's algorithm 1 has it: views of one image lie side by side there, halves apart here. */
function reference(z: Float64Array, columns: number, temperature: number): number {
  const rows = z.length / columns;
  const dot = (i: number, j: number): number => {
    let sum = 0;
    for (let d = 0; d < columns; d++) sum += z[i * columns + d]! * z[j * columns + d]!;
    return sum;
  };
  const s = (i: number, j: number): number => dot(i, j) / Math.sqrt(dot(i, i) * dot(j, j)) / temperature;
  const images = rows / 2;
  const term = (i: number, partner: number): number => {
    let others = 0;
    for (let k = 0; k < rows; k++) if (k !== i) others += Math.exp(s(i, k));
    return -Math.log(Math.exp(s(i, partner)) / others);
  };
  let total = 0;
  for (let n = 0; n < images; n++) total += term(n, n + images) + term(n + images, n);
  return total / rows;
}

interface Recorded {
  readonly sizes: { images: number; features: number; width: number; outputs: number };
  readonly theta: number[];
  readonly embeddings: number[];
  readonly projections: number[];
  readonly cases: readonly {
    temperature: number;
    loss: number;
    gradient: number[];
    embeddingGradient: number[];
  }[];
}
const recorded = JSON.parse(
  readFileSync(new URL("../../fixtures/pytorch/contrastive.json", import.meta.url), "utf8"),
) as Recorded;

const backEnds = await availableBackEnds();

describe.each(backEnds)("ntXent on %s", (backEnd) => {
  it.each([0.5, 0.1, 2])(
    "has the value and derivatives of the plain loops at τ = %d",
    async (temperature) => {
      await tf.setBackend(backEnd);
      const before = tf.memory().numTensors;
      const z = draw("z", 6 * 4);
      const found = tf.tidy(
        () => ntXent(tf.tensor2d(Float32Array.from(z), [6, 4]), temperature).dataSync()[0]!,
      );
      expect(found).toBeCloseTo(reference(z, 4, temperature), 5);
      const { first, second } = derivativeErrors({
        op: (x) => ntXent(x as tf.Tensor2D, temperature),
        reference: (x) => [reference(x!, 4, temperature)],
        inputs: [{ values: z, shape: [6, 4] }],
      });
      expect(first).toBeLessThan(F32_RTOL);
      expect(second).toBeLessThan(10 * F32_RTOL);
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  it("has PyTorch's value and gradients behind a projection head", async () => {
    await tf.setBackend(backEnd);
    const before = tf.memory().numTensors;
    const { images, features, width, outputs } = recorded.sizes;
    const head = projectionHead(features, width, outputs);
    expect(head.parameterCount).toBe(recorded.theta.length);
    tf.tidy(() => {
      const theta = tf.tensor1d(recorded.theta);
      const embeddings = tf.tensor4d(recorded.embeddings, [2 * images, 1, 1, features]);
      const project = (at: tf.Tensor, x: tf.Tensor) => head.apply(at as tf.Tensor1D, x as tf.Tensor4D).logits;
      const close = (got: tf.Tensor, wanted: readonly number[]) => {
        const values = got.dataSync();
        expect(Math.max(...wanted.map((value, i) => Math.abs(value - values[i]!)))).toBeLessThan(F32_ATOL);
      };
      close(project(theta, embeddings), recorded.projections);
      for (const { temperature, loss, gradient, embeddingGradient } of recorded.cases) {
        const { value, grads } = tf.valueAndGrads((at, x) => ntXent(project(at!, x!), temperature))([
          theta,
          embeddings,
        ]);
        expect(value.dataSync()[0]).toBeCloseTo(loss, 5);
        close(grads[0]!, gradient);
        close(grads[1]!, embeddingGradient);
      }
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it("is log(2N − 1) where all views are alike, and stays finite for rows of zeros and small τ", async () => {
    await tf.setBackend(backEnd);
    tf.tidy(() => {
      const alike = tf.ones<tf.Rank.R2>([8, 3]);
      expect(ntXent(alike, 0.3).dataSync()[0]).toBeCloseTo(Math.log(7), 5);
      const gradient = tf.grad((z) => ntXent(z as tf.Tensor2D, 1e-3))(
        tf.concat2d([tf.zeros([2, 3]), tf.tensor2d(Float32Array.from(draw("small", 6)), [2, 3])], 0),
      );
      expect(Array.from(gradient.dataSync()).every(Number.isFinite)).toBe(true);
    });
  });
});

it("says what it cannot compare", () => {
  const z = tf.ones<tf.Rank.R2>([2, 3]);
  expect(() => ntXent(z, 0.5)).toThrow(
    "ntXent: wanted two views each of at least 2 images, got 2 rows; without other images there is nothing to tell apart",
  );
  expect(() =>
    ntXent(
      tf.tidy(() => tf.ones([5, 3])),
      0.5,
    ),
  ).toThrow("got 5 rows");
  expect(() => ntXent(z, 0)).toThrow("ntXent: temperature must be above 0, got 0; 0.5 is usual");
  z.dispose();
});
