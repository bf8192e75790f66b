import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureGradients, keyFromSeed, normal, useBackend } from "@limbeck/core";
import { characteristicDistance, characteristicFunction } from "./characteristic-function.ts";
import { meanKernel, squaredMmd } from "./mmd.ts";

beforeEach(async () => {
  await useBackend("cpu");
  ensureGradients();
  tf.engine().startScope();
});
afterEach(() => tf.engine().endScope());

type Rows = readonly Float64Array[];

/** Rows of the normal distribution, shifted. */
function rows(seed: number, n: number, width: number, shift = 0): Rows {
  const values = normal(keyFromSeed(seed), n * width);
  return Array.from({ length: n }, (_, i) =>
    Float64Array.from({ length: width }, (__, d) => values[i * width + d]! + shift),
  );
}

function tensor(list: Rows): tf.Tensor2D {
  return tf.tensor2d(list.map((row) => Array.from(row)));
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

/** φ(t) in float64, as [re, im]. */
function phi(list: Rows, t: Float64Array): [number, number] {
  const angles = list.map((row) => dot(row, t));
  const mean = (f: (x: number) => number): number => angles.reduce((sum, z) => sum + f(z), 0) / angles.length;
  return [mean(Math.cos), mean(Math.sin)];
}

/** NCFM's distance of one class in float64, from amplitudes and angles of the complex numbers. */
function distance64(real: Rows, synthetic: Rows, t: Rows, alpha: number, beta: number): number {
  const values = t.map((frequency) => {
    const [a, b] = phi(real, frequency);
    const [c, d] = phi(synthetic, frequency);
    const [r, s] = [Math.hypot(a, b), Math.hypot(c, d)];
    const angle = Math.atan2(b, a) - Math.atan2(d, c);
    return Math.sqrt(alpha * (r - s) ** 2 + beta * 2 * r * s * (1 - Math.cos(angle)));
  });
  return values.reduce((sum, value) => sum + value, 0) / t.length;
}

/** ⟨∇f(x), direction⟩ of f on `base`, by central differences in float64. */
function slope(f: (list: Rows) => number, base: Rows, direction: Rows): number {
  const at = (h: number): number => f(base.map((row, i) => row.map((v, d) => v + h * direction[i]![d]!)));
  return (at(1e-5) - at(-1e-5)) / 2e-5;
}

function along(gradient: tf.Tensor, direction: Rows): number {
  return tf.sum(tf.mul(gradient, tensor(direction))).dataSync()[0]!;
}

const [real, synthetic, t] = [rows(1, 6, 5), rows(2, 4, 5, 0.3), rows(3, 7, 5)];
const direction = rows(4, 4, 5);

describe("characteristicFunction", () => {
  it("is exp(i⟨t, f⟩) for a point mass", () => {
    const point = rows(5, 1, 5);
    const { re, im } = characteristicFunction(tensor([...point, ...point]), tensor(t), 1);
    t.forEach((frequency, k) => {
      const angle = dot(point[0]!, frequency);
      expect(re.dataSync()[k]).toBeCloseTo(Math.cos(angle), 5);
      expect(im.dataSync()[k]).toBeCloseTo(Math.sin(angle), 5);
    });
  });

  it("tends to exp(i⟨t, m⟩ − |t|²/2) for a normal distribution with mean m", () => {
    const n = 20_000;
    const sample = tensor(rows(6, n, 3, 0.4));
    const few = rows(7, 5, 3);
    const { re, im } = characteristicFunction(sample, tensor(few), 1);
    few.forEach((frequency, k) => {
      const modulus = Math.exp(-dot(frequency, frequency) / 2);
      const angle = 0.4 * frequency.reduce((sum, value) => sum + value, 0);
      // The mean of n numbers of modulus 1 has a standard deviation below 1/√n = 0.007.
      expect(Math.abs(re.dataSync()[k]! - modulus * Math.cos(angle))).toBeLessThan(0.025);
      expect(Math.abs(im.dataSync()[k]! - modulus * Math.sin(angle))).toBeLessThan(0.025);
    });
  });

  it("takes the mean class by class", () => {
    const both = characteristicFunction(tensor([...real, ...rows(8, 6, 5)]), tensor(t), 2);
    expect(both.re.shape).toEqual([2, 7]);
    const first = characteristicFunction(tensor(real), tensor(t), 1);
    expect(Array.from(both.re.dataSync()).slice(0, 7)).toEqual(Array.from(first.re.dataSync()));
  });
});

describe("characteristicDistance", () => {
  const found = (list: tf.Tensor2D, alpha: number, beta: number) =>
    characteristicDistance(
      characteristicFunction(tensor(real), tensor(t), 1),
      characteristicFunction(list, tensor(t), 1),
      { amplitude: alpha, phase: beta },
    );

  it.each([
    [0.5, 0.5],
    [0.8, 0.2],
    [1, 0],
    [0, 1],
  ])("has the value and the slope of complex arithmetic in float64 with α = %s, β = %s", (alpha, beta) => {
    expect(found(tensor(synthetic), alpha, beta).distance.dataSync()[0]).toBeCloseTo(
      distance64(real, synthetic, t, alpha, beta),
      5,
    );
    const gradient = tf.grad((list: tf.Tensor) => found(list as tf.Tensor2D, alpha, beta).distance)(
      tensor(synthetic),
    );
    const expected = slope((list) => distance64(real, list, t, alpha, beta), synthetic, direction);
    expect(along(gradient, direction)).toBeCloseTo(expected, 4);
  });

  it("is mean |φ_r − φ_s| / √2 with α = β = ½, whose closed gradient it has", () => {
    const plain = t.map((frequency) => {
      const [a, b] = phi(real, frequency);
      const [c, d] = phi(synthetic, frequency);
      return { re: c - a, im: d - b, modulus: Math.hypot(c - a, d - b) };
    });
    const mean = plain.reduce((sum, { modulus }) => sum + modulus, 0) / t.length;
    const { distance, amplitude, phase } = found(tensor(synthetic), 0.5, 0.5);
    expect(distance.dataSync()[0]).toBeCloseTo(mean / Math.SQRT2, 6);
    const squares = plain.reduce((sum, { modulus }) => sum + modulus ** 2, 0) / t.length;
    expect(amplitude.dataSync()[0]! + phase.dataSync()[0]!).toBeCloseTo(squares, 6);
    // ∂L/∂f_j = 1/(T·n) · Σ_t t·(−sin z·u + cos z·v), u = re / 2L_t, v = im / 2L_t, L_t = modulus / √2
    const gradient = tf.grad((list: tf.Tensor) => found(list as tf.Tensor2D, 0.5, 0.5).distance)(
      tensor(synthetic),
    );
    const closed = synthetic.flatMap((row) =>
      Array.from(row, (_, d) =>
        t.reduce((sum, frequency, k) => {
          const { re, im, modulus } = plain[k]!;
          const z = dot(row, frequency);
          const length = (2 * modulus) / Math.SQRT2;
          return (
            sum +
            (frequency[d]! * (-Math.sin(z) * re + Math.cos(z) * im)) / (length * t.length * synthetic.length)
          );
        }, 0),
      ),
    );
    gradient.dataSync().forEach((value, i) => expect(value).toBeCloseTo(closed[i]!, 5));
  });

  it("is 0 for equal sets, in any order, and finite with a finite slope where a function is exactly 0", () => {
    const same = found(tensor([...real].reverse()), 0.5, 0.5).distance;
    expect(same.dataSync()[0]).toBeLessThan(1e-3);
    const zero = { re: tf.zeros<tf.Rank.R2>([1, 2]), im: tf.zeros<tf.Rank.R2>([1, 2]) };
    const one = { re: tf.ones<tf.Rank.R2>([1, 2]), im: zero.im };
    const weights = { amplitude: 0.5, phase: 0.5 };
    expect(characteristicDistance(one, zero, weights).distance.dataSync()[0]).toBeCloseTo(Math.SQRT1_2, 5);
    for (const target of [zero, one]) {
      const gradient = tf.grad(
        (re: tf.Tensor) =>
          characteristicDistance(target, { re: re as tf.Tensor2D, im: zero.im }, weights).distance,
      )(zero.re);
      expect(gradient.dataSync().every(Number.isFinite)).toBe(true);
    }
  });
});

describe("squaredMmd", () => {
  const kernel64 = (a: Rows, b: Rows, sigmas: readonly number[]): number =>
    a.reduce(
      (sum, x) =>
        sum +
        b.reduce((inner, y) => {
          const d2 = x.reduce((s, value, i) => s + (value - y[i]!) ** 2, 0);
          return inner + sigmas.reduce((s, sigma) => s + Math.exp(-d2 / (2 * sigma ** 2)), 0) / sigmas.length;
        }, 0),
      0,
    ) /
    (a.length * b.length);
  const mmd64 = (a: Rows, b: Rows, sigmas: readonly number[]): number =>
    kernel64(a, a, sigmas) - 2 * kernel64(a, b, sigmas) + kernel64(b, b, sigmas);
  const mmd = (list: tf.Tensor2D, sigmas: readonly number[]): tf.Scalar => {
    const own = tensor(real);
    return squaredMmd(own, meanKernel(own, own, sigmas), list, sigmas);
  };

  it.each([[[1]], [[0.5, 2]]])("has the value and the slope of plain loops, bandwidths %j", (sigmas) => {
    expect(mmd(tensor(synthetic), sigmas).dataSync()[0]).toBeCloseTo(mmd64(real, synthetic, sigmas), 5);
    const gradient = tf.grad((list: tf.Tensor) => mmd(list as tf.Tensor2D, sigmas))(tensor(synthetic));
    const expected = slope((list) => mmd64(real, list, sigmas), synthetic, direction);
    expect(along(gradient, direction)).toBeCloseTo(expected, 4);
  });

  it("is the mean of |φ_r − φ_s|² over normal frequencies", () => {
    const many = tensor(rows(9, 20_000, 5));
    const [r, s] = [tensor(real), tensor(synthetic)].map((list) => characteristicFunction(list, many, 1));
    const { amplitude, phase } = characteristicDistance(r!, s!, { amplitude: 1, phase: 1 });
    const mean = amplitude.dataSync()[0]! + phase.dataSync()[0]!;
    expect(mean / mmd64(real, synthetic, [1])).toBeCloseTo(1, 1);
  });
});
