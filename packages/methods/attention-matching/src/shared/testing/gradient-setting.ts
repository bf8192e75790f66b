import { createRunContext, useBackend, type RunContext } from "@limbeck/core";
import { toyDataset } from "@limbeck/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, expect } from "vitest";

/**
 * Runs each test of the block on the plain back end and in a scope of its own, and expects that it leaves no tensor outside.
 *
 * @returns What a test that chooses another back end calls then.
 */
export function onCpuWithoutLeaks(): { readonly countAnew: () => void } {
  let before = 0;
  beforeEach(async () => {
    await useBackend("cpu");
    before = tf.memory().numTensors;
    tf.engine().startScope();
  });
  afterEach(() => {
    tf.engine().endScope();
    expect(tf.memory().numTensors).toBe(before);
  });
  return { countAnew: () => void (before = tf.memory().numTensors) };
}

/** Grey images of 6×6. */
export function greyContext(classes = 3, perClass = 12): RunContext {
  return createRunContext(toyDataset({ classes, perClass, shape: [6, 6, 1] }), 5);
}

/** Of all elements. */
export function largestDifference(a: tf.Tensor, b: tf.Tensor): number {
  return tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;
}
