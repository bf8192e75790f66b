import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, expect } from "vitest";

/**
 * For test files whose tests make tensors freely: each runs on the `cpu` back end in a scope of its own, and fails if a tensor outlives
 * that scope. A test may choose another back end inside.
 */
export function testWithoutLeaks(): void {
  let tensors = 0;
  beforeEach(async () => {
    await tf.setBackend("cpu");
    tensors = tf.memory().numTensors;
    tf.engine().startScope();
  });
  afterEach(() => {
    tf.engine().endScope();
    expect(tf.memory().numTensors).toBe(tensors);
  });
}
