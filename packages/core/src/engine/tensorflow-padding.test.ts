import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { normal } from "../random/draw.ts";
import { foldIn, keyFromSeed } from "../random/key.ts";
import type { Availability } from "./driver.ts";
import { useBackend } from "./engine.ts";
import { resolveSettings } from "./settings.ts";
import { tensorflowDriver } from "./tensorflow-driver.ts";

/** Sums of up to 300 float32 products in another order. */
const F32_SUM_ATOL = 1e-4;

let found: Availability;
beforeAll(async () => {
  await useBackend("cpu");
  found = await tensorflowDriver.probe(resolveSettings("auto", {}, {}));
});

function drawn(which: number, shape: number[]): tf.Tensor4D {
  return tf.tensor4d(
    normal(foldIn(keyFromSeed(7), which), tf.util.sizeFromShape(shape)),
    shape as [1, 1, 1, 1],
  );
}

/** The convolution and its two gradients, from the kernels themselves. */
function kernels(size: number, stride: number, pad: number): number[][] {
  return tf.tidy(() => {
    const x = drawn(0, [2, 7, 8, 3]);
    const filter = drawn(1, [size, size, 3, 4]);
    const attrs = { strides: stride, pad, dataFormat: "NHWC", dilations: 1, dimRoundingMode: "floor" };
    const run = (name: string, inputs: object, more: object): tf.Tensor4D =>
      tf.engine().runKernel(name, inputs as tf.NamedTensorMap, { ...attrs, ...more }) as tf.Tensor4D;
    const y = run(tf.Conv2D, { x, filter }, {});
    const dy = drawn(2, y.shape);
    const dx = run(tf.Conv2DBackpropInput, { dy, filter }, { inputShape: x.shape });
    const dfilter = run(tf.Conv2DBackpropFilter, { x, dy }, { filterShape: filter.shape });
    return [y, dx, dfilter].map((tensor) => [...tensor.shape, ...tensor.dataSync()]);
  });
}

test.for([
  [1, 1, 0],
  [3, 1, 1],
  [3, 2, 1],
  [3, 1, 0],
  [5, 2, 2],
  [4, 3, 1],
] as const)(
  "convolution size %i, stride %i, padding %i: the kernels of TensorFlow are those of plain JavaScript",
  async ([size, stride, pad], { skip }) => {
    if (!found.available) return skip(found.reason);
    await useBackend("cpu");
    const truth = kernels(size, stride, pad);
    await useBackend("tensorflow");
    const tensors = tf.memory().numTensors;
    const values = kernels(size, stride, pad);
    expect(tf.memory().numTensors).toBe(tensors);
    values.forEach((value, i) => {
      expect(value.length).toBe(truth[i]!.length);
      const worst = Math.max(...value.map((v, j) => Math.abs(v - truth[i]![j]!)));
      expect(worst).toBeLessThan(F32_SUM_ATOL);
    });
  },
);
