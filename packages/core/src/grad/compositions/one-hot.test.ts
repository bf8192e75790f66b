import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { useBackend } from "../../engine/engine.ts";

test.each(["wasm", "cpu"])(
  "one-hot rows on %s in every type; an index outside has no class",
  async (backend) => {
    await useBackend(backend, { threads: 1 });
    const before = tf.memory().numTensors;
    for (const dtype of ["float32", "int32"] as const) {
      const [rows, values] = tf.tidy(() => {
        const indices = tf.tensor2d([2, 0, -1, 3], [2, 2], "int32");
        return [tf.oneHot(indices, 3, 1, 0, dtype), tf.oneHot(tf.tensor1d([1], "int32"), 2, 5, -2, dtype)];
      });
      expect([rows!.shape, rows!.dtype]).toEqual([[2, 2, 3], dtype]);
      expect([...(await rows!.data())]).toEqual([0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
      expect([...(await values!.data())]).toEqual([-2, 5]);
      tf.dispose([rows!, values!]);
    }
    expect(tf.memory().numTensors).toBe(before);
  },
);
