import * as tf from "@tensorflow/tfjs-core";
import { availableBackEnds } from "../grad/testing/back-ends.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { normal, uniform } from "../random/draw.ts";
import { keyFromSeed } from "../random/key.ts";
import { affineSample } from "./affine-sample.ts";
import { IDENTITY, samplingGrid, translation } from "./sampling-grid.ts";

/** Sums of about a hundred float32 products. */
const F32_SUM_RTOL = 1e-5;

const image = (n: number, h: number, w: number, c: number, seed: string): tf.Tensor4D =>
  tf.tensor4d(normal(keyFromSeed(seed), n * h * w * c), [n, h, w, c]);
const randomGrid = (n: number, h: number, w: number): tf.Tensor4D =>
  tf.tensor4d(uniform(keyFromSeed("grid"), n * h * w * 2, -2, 7), [n, h, w, 2]);
const dot = (a: tf.Tensor, b: tf.Tensor): number => tf.sum(tf.mul(a, b)).dataSync()[0]!;

/** The docstring's sum, in float64. */
function reference(x: tf.Tensor4D, grid: tf.Tensor4D): number[] {
  const [n, h, w, c] = x.shape;
  const [gn, oh, ow] = grid.shape;
  const [xs, gs] = [x.dataSync(), grid.dataSync()];
  const out: number[] = [];
  for (let b = 0; b < n; b++) {
    for (let p = 0; p < oh * ow; p++) {
      const g = (gn === 1 ? 0 : b) * oh * ow + p;
      for (let k = 0; k < c; k++) {
        let sum = 0;
        for (let i = 0; i < h; i++) {
          for (let j = 0; j < w; j++) {
            const weight =
              Math.max(0, 1 - Math.abs(gs[2 * g]! - j)) * Math.max(0, 1 - Math.abs(gs[2 * g + 1]! - i));
            sum += weight * xs[((b * h + i) * w + j) * c + k]!;
          }
        }
        out.push(sum);
      }
    }
  }
  return out;
}

describe.each(await availableBackEnds())("affineSample on %s", (backend) => {
  let tensors = 0;
  beforeEach(async () => {
    await tf.setBackend(backend);
    tensors = tf.memory().numTensors;
    tf.engine().startScope();
  });
  afterEach(() => {
    tf.engine().endScope();
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it.each([1, 3])("is bilinear interpolation with zeros outside (%i grids)", (grids) => {
    const x = image(3, 5, 6, 2, "x");
    const grid = randomGrid(grids, 4, 3);
    const y = affineSample(x, grid);
    expect(y.shape).toEqual([3, 4, 3, 2]);
    const expected = reference(x, grid);
    y.dataSync().forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
  });

  it("copies whole-numbered positions exactly", () => {
    const x = image(2, 4, 5, 3, "x");
    expect(affineSample(x, samplingGrid([IDENTITY], 4, 5)).dataSync()).toEqual(x.dataSync());
    const moved = affineSample(x, samplingGrid([translation(2, -1)], 4, 5)).arraySync();
    const source = x.arraySync();
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 5; j++) expect(moved[1]![i]![j]).toEqual(source[1]?.[i + 1]?.[j - 2] ?? [0, 0, 0]);
    }
  });

  it.each([1, 3])("has its transpose as gradient, and itself as the gradient of that (%i grids)", (grids) => {
    const x = image(3, 5, 6, 2, "x");
    const y = image(3, 4, 3, 2, "y");
    const z = image(3, 5, 6, 2, "z");
    const grid = randomGrid(grids, 4, 3);
    const forward = (v: tf.Tensor) => affineSample(v as tf.Tensor4D, grid);
    const transpose = (v: tf.Tensor) => tf.grad((u) => forward(u))(x, v);
    const transposed = transpose(y);
    expect(Math.abs(dot(forward(x), y) / dot(x, transposed) - 1)).toBeLessThan(F32_SUM_RTOL);
    // d/dy ⟨Aᵀy, z⟩ = Az.
    const second = tf.grad((v) => tf.sum(tf.mul(transpose(v), z)))(y);
    expect(Math.max(...tf.abs(tf.sub(second, forward(z))).dataSync())).toBeLessThan(1e-5);
  });

  it("passes derivatives of functions of the result, twice", () => {
    // f = Σ (Ax)³/3 has gradient Aᵀ(Ax)² and Hessian-vector product Aᵀ(2·Ax·Av).
    const x = image(2, 5, 6, 2, "x");
    const v = image(2, 5, 6, 2, "v");
    const grid = randomGrid(2, 4, 3);
    const sample = (u: tf.Tensor) => affineSample(u as tf.Tensor4D, grid);
    const gradient = tf.grad((u: tf.Tensor) => {
      const y = sample(u);
      return tf.div(tf.sum(tf.mul(y, tf.mul(y, y))), 3);
    });
    const hv = tf.grad((u) => tf.sum(tf.mul(gradient(u), v)))(x);
    const expected = tf.grad(sample)(x, tf.mul(2, tf.mul(sample(x), sample(v))));
    expect(Math.max(...tf.abs(tf.sub(hv, expected)).dataSync())).toBeLessThan(1e-4);
  });

  it("names a grid that does not fit", () => {
    expect(() => affineSample(image(3, 2, 2, 1, "x"), randomGrid(2, 2, 2))).toThrow(
      "affineSample: `grid` must have shape [3,H',W',2] or [1,H',W',2], got [2,2,2,2]",
    );
  });
});
