import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "@limbeck/core";
import { beforeAll, describe, expect, it } from "vitest";
import { surrogateGapGradient, type GradientAt } from "./surrogate-gap.ts";

beforeAll(() => useBackend("cpu"));

// ℓ(θ) = Σ c θ³, so g = 3cθ².
const c = [0.5, -0.25, 1];
const at = [0.8, -1.2, 0.4];
const gradient = (theta: readonly number[]): number[] => theta.map((x, i) => 3 * c[i]! * x * x);
const gradientAt: GradientAt = (theta) => {
  const { value, grad } = tf.valueAndGrad((x) => tf.sum(tf.mul(tf.pow(x, 3), c)) as tf.Scalar)(theta);
  return { value: value as tf.Scalar, grad: grad as tf.Tensor1D };
};
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((s, x, i) => s + x * b[i]!, 0);

function found(radius: number, weight: number): number[] {
  return tf.tidy(() =>
    Array.from(surrogateGapGradient(gradientAt, tf.tensor1d(at), { radius, weight }).grad.dataSync()),
  );
}

describe("surrogateGapGradient", () => {
  it("is the plain gradient where radius and weight are 0", () => {
    found(0, 0).forEach((value, i) => expect(value).toBeCloseTo(gradient(at)[i]!, 5));
  });

  it("is GSAM's in float64 by hand", () => {
    const [radius, weight] = [0.1, 0.3];
    const g = gradient(at);
    const length = Math.sqrt(
      dot(
        at.map((x, i) => x * g[i]!),
        at.map((x, i) => x * g[i]!),
      ),
    );
    const there = gradient(at.map((x, i) => x + (radius * x * x * g[i]!) / length));
    const along = dot(g, there) / dot(there, there);
    const wanted = there.map((x, i) => x - weight * (g[i]! - along * x));
    found(radius, weight).forEach((value, i) => expect(value).toBeCloseTo(wanted[i]!, 5));
    expect(Math.abs(dot(found(radius, 1), there) - dot(there, there))).toBeLessThan(1e-5);
  });
});
