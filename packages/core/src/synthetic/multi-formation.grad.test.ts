import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, expect, it } from "vitest";
import { ensureGradients } from "../grad/ensure-gradients.ts";
import { normal } from "../random/draw.ts";
import { foldIn, keyFromSeed } from "../random/key.ts";
import { flipEmbedding } from "./flip-embedding.ts";
import { multiFormation } from "./multi-formation.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
  ensureGradients();
});

/** Rounding of float32 sums of about a thousand terms of size 1. */
const TOLERANCE = 1e-3;

const draw = (name: string, shape: [number, number, number, number]): tf.Tensor4D =>
  tf.tensor4d(
    normal(
      foldIn(keyFromSeed(3), name),
      shape.reduce((a, b) => a * b),
    ),
    shape,
  );
const dot = (a: tf.Tensor, b: tf.Tensor): number => tf.sum(tf.mul(a, b)).dataSync()[0]!;

it.each([
  [8, 2],
  [7, 2],
  [7, 3],
])("multiFormation of %i pixels by %i: its derivative is its transpose, twice", (size, factor) => {
  tf.tidy(() => {
    const x = draw("x", [2, size, size, 2]);
    const decode = (images: tf.Tensor) =>
      multiFormation(images as tf.Tensor4D, factor, { kind: "mean-std", mean: [0.3, 0.5], std: [0.2, 1] });
    const c = draw("c", [2 * factor * factor, size, size, 2]);
    const gradient = tf.grad((images) => tf.sum(tf.mul(decode(images), c)))(x);
    // The decoding is A·x + b: ⟨c, A·x⟩ = ⟨Aᵀc, x⟩.
    const linear = tf.sub(decode(x), decode(tf.zerosLike(x)));
    expect(Math.abs(dot(c, linear) - dot(gradient, x))).toBeLessThan(TOLERANCE);
    // d/dx ½‖A·x + b‖² along v is ⟨A·x + b, A·v⟩; of that once more along w: ⟨A·w, A·v⟩.
    const [v, w] = [draw("v", [2, size, size, 2]), draw("w", [2, size, size, 2])];
    const along = (images: tf.Tensor) =>
      tf.sum(tf.mul(tf.grad((at) => tf.mul(tf.sum(tf.square(decode(at))), 0.5) as tf.Scalar)(images), v));
    const image = (direction: tf.Tensor) => tf.sub(decode(direction), decode(tf.zerosLike(x)));
    const second = dot(tf.grad(along as (images: tf.Tensor) => tf.Tensor)(x), w);
    expect(Math.abs(second - dot(image(w), image(v)))).toBeLessThan(TOLERANCE);
  });
});

it("flipEmbedding appends the mirror images, and an image collects the mirrored gradient of its twin", () => {
  tf.tidy(() => {
    const x = draw("x", [3, 4, 5, 2]);
    const embedded = flipEmbedding(x);
    expect(embedded.shape).toEqual([6, 4, 5, 2]);
    const pixels = embedded.arraySync();
    for (let n = 0; n < 3; n++) {
      for (let i = 0; i < 4; i++) expect(pixels[3 + n]![i]).toEqual([...x.arraySync()[n]![i]!].reverse());
    }
    const c = draw("c", [6, 4, 5, 2]);
    const gradient = tf.grad((images) => tf.sum(tf.mul(flipEmbedding(images as tf.Tensor4D), c)))(x);
    const [own, twin] = tf.split(c, 2);
    const wanted = tf.add(own!, tf.reverse(twin!, 2));
    expect(tf.max(tf.abs(tf.sub(gradient, wanted))).dataSync()[0]).toBe(0);
  });
});
