import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { trajectoryGradient } from "./trajectory-step.ts";

beforeAll(() => tf.setBackend("cpu"));

// Least squares, loss(θ, x, y) = mean((x·θ − y)²), with x [3, 2] as "images" [3, 1, 2, 1].
const [steps, stepSize] = [4, 0.3];
const start = [0.5, -0.25];
const target = [-1, 0.75];
const images = [0.9, -0.4, 0.2, 0.7, -0.6, 0.5];
const labels = [0.3, -0.8, 0.6];

/** The whole unrolled objective in float64. */
function objective(x: readonly number[], eta: number): number {
  let theta = [...start];
  for (let t = 0; t < steps; t++) {
    const gradient = [0, 0];
    for (let n = 0; n < 3; n++) {
      const error = x[2 * n]! * theta[0]! + x[2 * n + 1]! * theta[1]! - labels[n]!;
      for (const j of [0, 1]) gradient[j]! += (2 / 3) * error * x[2 * n + j]!;
    }
    theta = theta.map((value, j) => value - eta * gradient[j]!);
  }
  const distance = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, value, j) => sum + (value - b[j]!) ** 2, 0);
  return distance(theta, target) / distance(start, target);
}

/** Relative error that float32 sums over a few dozen terms may have. */
const TOLERANCE = 2e-5;

test("gradients in images and step size equal central differences of the unrolled objective, and nothing leaks", () => {
  const inputs = {
    start: tf.tensor1d(start),
    target: tf.tensor1d(target),
    images: tf.tensor4d(images, [3, 1, 2, 1]),
    labels: tf.tensor2d(labels, [3, 1]),
  };
  const before = tf.memory().numTensors;
  const { imageGradient, stepSizeGradient } = trajectoryGradient(
    (theta, x, y) =>
      tf.mean(tf.square(tf.sub(tf.matMul(tf.reshape(x, [3, 2]), tf.reshape(theta, [2, 1])), y))) as tf.Scalar,
    { ...inputs, steps, stepSize },
  );
  const h = 1e-5;
  const slopes = images.map((_, i) => {
    const at = (step: number): number =>
      objective(
        images.map((x, j) => (i === j ? x + step : x)),
        stepSize,
      );
    return (at(h) - at(-h)) / (2 * h);
  });
  const scale = Math.max(...slopes.map(Math.abs));
  for (const [i, value] of imageGradient.dataSync().entries()) {
    expect(Math.abs(value - slopes[i]!) / scale).toBeLessThan(TOLERANCE);
  }
  const slope = (objective(images, stepSize + h) - objective(images, stepSize - h)) / (2 * h);
  expect(Math.abs(stepSizeGradient.dataSync()[0]! - slope) / Math.abs(slope)).toBeLessThan(TOLERANCE);
  tf.dispose([imageGradient, stepSizeGradient]);
  expect(tf.memory().numTensors).toBe(before);
});
