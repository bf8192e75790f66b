import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { precision, setPrecision, type NativePrecision } from "./settings.ts";
import { expectSame, on, randomTensor, seed, size } from "./testing/compare-backends.ts";

/** Sums of a few thousand products in another order. */
const SUM = { rtol: 1e-5, atol: 2e-4 };

let before: NativePrecision;
beforeAll(() => {
  on("native", () => (before = precision()));
  setPrecision("highest");
});
afterAll(() => setPrecision(before));

const kernel = (name: string, inputs: Record<string, tf.Tensor>, attrs: object) =>
  tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap) as tf.Tensor;

const convolution = fc.record({
  n: size(4),
  h: size(12),
  w: size(12),
  c: size(20),
  o: size(36),
  kh: fc.integer({ min: 1, max: 5 }),
  kw: fc.integer({ min: 1, max: 5 }),
  strideH: fc.integer({ min: 1, max: 3 }),
  strideW: fc.integer({ min: 1, max: 3 }),
  pad: fc.constantFrom<"same" | "valid" | number>("same", "valid", 0, 1, 2),
  seed,
});

describe("products equal the plain back end's", () => {
  it("matrix products: transposed, batched, broadcast", () => {
    const problem = fc.tuple(
      size(50),
      size(70),
      size(50),
      fc.boolean(),
      fc.boolean(),
      fc.constantFrom(0, 1, 2, 3, 4),
      seed,
    );
    fc.assert(
      fc.property(problem, ([m, k, n, ta, tb, batch, s]) => {
        const outerA = [[], [3], [1], [2, 2], [2, 1]][batch]!;
        const outerB = [[], [3], [3], [2, 2], [1, 3]][batch]!;
        const a = [...outerA, ...(ta ? [k, m] : [m, k])];
        const b = [...outerB, ...(tb ? [n, k] : [k, n])];
        expectSame(() => tf.matMul(randomTensor(a, s), randomTensor(b, s + 1), ta, tb), SUM);
      }),
      { numRuns: 60 },
    );
  });

  it("fused matrix products", () => {
    for (const activation of ["linear", "relu", "relu6", "elu", "sigmoid", "prelu", "leakyrelu"] as const) {
      expectSame(
        () =>
          tf.fused.matMul({
            a: randomTensor<tf.Tensor2D>([7, 19], 1),
            b: randomTensor<tf.Tensor2D>([19, 5], 2),
            transposeA: false,
            transposeB: false,
            bias: randomTensor([5], 3),
            activation,
            preluActivationWeights: randomTensor([1, 5], 4),
            leakyreluAlpha: 0.2,
          }),
        SUM,
      );
    }
  });

  it("convolution, forward and backward", () => {
    fc.assert(
      fc.property(convolution, (p) => {
        const [x, filter] = [
          [p.n, p.h, p.w, p.c],
          [p.kh, p.kw, p.c, p.o],
        ];
        const strides: [number, number] = [p.strideH, p.strideW];
        const attrs = { strides, pad: p.pad, dataFormat: "NHWC", dilations: 1 };
        const info = tf.backend_util.computeConv2DInfo(
          x as [number, number, number, number],
          filter as [number, number, number, number],
          strides,
          1,
          p.pad,
        );
        fc.pre(info.outHeight > 0 && info.outWidth > 0);
        expectSame(
          () =>
            kernel(
              tf.Conv2D,
              { x: randomTensor(x, p.seed), filter: randomTensor(filter, p.seed + 1) },
              attrs,
            ),
          SUM,
        );
        const dy = () => randomTensor(info.outShape, p.seed + 2);
        expectSame(
          () =>
            kernel(
              tf.Conv2DBackpropInput,
              { dy: dy(), filter: randomTensor(filter, p.seed + 1) },
              { ...attrs, inputShape: x },
            ),
          SUM,
        );
        expectSame(
          () =>
            kernel(
              tf.Conv2DBackpropFilter,
              { x: randomTensor(x, p.seed), dy: dy() },
              { ...attrs, filterShape: filter },
            ),
          SUM,
        );
      }),
      { numRuns: 60 },
    );
  });

  it("fused convolution with bias and activation", () => {
    for (const activation of ["linear", "relu", "relu6", "elu", "sigmoid", "leakyrelu"] as const) {
      expectSame(
        () =>
          tf.fused.conv2d({
            x: randomTensor<tf.Tensor4D>([2, 7, 6, 5], 1),
            filter: randomTensor<tf.Tensor4D>([3, 3, 5, 9], 2),
            strides: 1,
            pad: "same",
            bias: randomTensor([9], 3),
            activation,
            leakyreluAlpha: 0.2,
          }),
        SUM,
      );
    }
  });

  it("what the C++ kernels do not do falls back: dilation, channels first, empty batches", () => {
    const x = () => randomTensor<tf.Tensor4D>([2, 9, 8, 3], 1);
    const w = () => randomTensor<tf.Tensor4D>([3, 3, 3, 4], 2);
    expectSame(() => tf.conv2d(x(), w(), 1, "same", "NHWC", 2), SUM);
    expectSame(() => tf.conv2d(randomTensor<tf.Tensor4D>([2, 3, 9, 8], 1), w(), 1, "same", "NCHW"), SUM);
    expectSame(() => tf.conv2d(tf.zeros<tf.Rank.R4>([0, 9, 8, 3]), w(), 1, "same"), SUM);
    expectSame(() => tf.matMul(tf.zeros([0, 3]), randomTensor([3, 2], 1)), SUM);
  });

  it("NaN and infinity pass through", () => {
    expectSame(() =>
      tf.matMul(tf.tensor2d([NaN, 1, Infinity, 2], [2, 2]), tf.tensor2d([1, 0, 1, 1], [2, 2])),
    );
  });

  it("inner sizes that differ are refused", () => {
    on("native", () => {
      expect(() => tf.matMul(tf.zeros([2, 3]), tf.zeros([4, 2]))).toThrow(/inner shapes \(3\) and \(4\)/);
    });
  });
});
