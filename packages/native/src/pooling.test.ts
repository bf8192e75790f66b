import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { describe, it } from "vitest";
import { awkwardTensor, expectSame, randomTensor, seed, size } from "./testing/compare-backends.ts";

const problem = fc.record({
  n: size(4),
  h: size(11),
  w: size(11),
  c: size(70),
  filter: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
  strides: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
  pad: fc.constantFrom<"same" | "valid" | number>("same", "valid", 0, 1),
  seed,
});

const kernel = (name: string, inputs: Record<string, tf.Tensor>, attrs: object) =>
  tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap) as tf.Tensor;

describe("pooling equals the plain back end's", () => {
  it("average and maximum, forward and backward", () => {
    fc.assert(
      fc.property(problem, ({ n, h, w, c, filter, strides, pad, seed: s }) => {
        const shape: [number, number, number, number] = [n, h, w, c];
        const attrs = { filterSize: filter, strides, pad };
        const info = tf.backend_util.computePool2DInfo(shape, filter, strides, 1, pad);
        fc.pre(
          info.outHeight > 0 && info.outWidth > 0 && (typeof pad !== "number" || pad < Math.min(...filter)),
        );
        expectSame(() => [
          kernel(tf.AvgPool, { x: randomTensor(shape, s) }, attrs),
          kernel(tf.MaxPool, { x: awkwardTensor(shape, s) }, attrs),
        ]);
        const dy = () => randomTensor(info.outShape, s + 1);
        expectSame(() => kernel(tf.AvgPoolGrad, { dy: dy(), input: randomTensor(shape, s) }, attrs));
        expectSame(() => {
          const input = awkwardTensor(shape, s);
          const output = kernel(tf.MaxPool, { x: input }, attrs);
          return kernel(tf.MaxPoolGrad, { dy: dy(), input, output }, attrs);
        });
      }),
      { numRuns: 80 },
    );
  });

  it("ties go to the first maximum", () => {
    expectSame(() => {
      const input = tf.ones([1, 4, 4, 2]);
      const attrs = { filterSize: 2, strides: 2, pad: "valid" };
      return kernel(
        tf.MaxPoolGrad,
        { dy: randomTensor([1, 2, 2, 2], 1), input, output: tf.ones([1, 2, 2, 2]) },
        attrs,
      );
    });
  });
});
