import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { useBackend } from "./engine.ts";
import { liveBytes, liveTensors, peakBytes, peakResidentBytes, resetPeakBytes } from "./memory.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

test("the peak is what was held at once, not what was ever made", () => {
  resetPeakBytes();
  const start = liveBytes();
  const tensors = liveTensors();
  const a = tf.zeros([1000]);
  const b = tf.zeros([500]);
  expect(liveTensors() - tensors).toBe(2);
  expect(liveBytes() - start).toBe(6000);
  b.dispose();
  const c = tf.zeros([250]);
  tf.dispose([a, c]);
  expect(liveBytes()).toBe(start);
  expect(peakBytes() - start).toBe(6000);
  resetPeakBytes();
  expect(peakBytes()).toBe(start);
});

test("temporaries inside tidy count towards the peak", () => {
  resetPeakBytes();
  const start = peakBytes();
  tf.tidy(() => tf.sum(tf.zeros([2000])).dataSync());
  expect(peakBytes() - start).toBeGreaterThanOrEqual(8000);
  expect(peakBytes() - start).toBeLessThan(8100);
});

test("resident memory of the process is in bytes", () => {
  expect(peakResidentBytes()).toBeGreaterThan(process.memoryUsage().heapUsed);
  expect(peakResidentBytes()).toBeLessThan(2 ** 40);
});
