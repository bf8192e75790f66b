import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { awkwardTensor, expectSame, on, randomTensor, seed, shape } from "./testing/compare-backends.ts";

type Unary = (x: tf.Tensor) => tf.Tensor;
const unaries: Record<string, Unary> = {
  abs: tf.abs,
  ceil: tf.ceil,
  clip: (x) => tf.clipByValue(x, -0.5, 1.25),
  cos: tf.cos,
  elu: tf.elu,
  erf: tf.erf,
  exp: tf.exp,
  expm1: tf.expm1,
  floor: tf.floor,
  leakyRelu: (x) => tf.leakyRelu(x, 0.3),
  log: tf.log,
  log1p: tf.log1p,
  neg: tf.neg,
  pow0: (x) => tf.pow(x, 0),
  pow1: (x) => tf.pow(x, 1),
  pow2: (x) => tf.pow(x, 2),
  pow3: (x) => tf.pow(x, 3),
  pow4: (x) => tf.pow(x, 4),
  pow7: (x) => tf.pow(x, 7),
  powMinus1: (x) => tf.pow(x, -1),
  powMinus3: (x) => tf.pow(x, -3),
  powHalf: (x) => tf.pow(x, 0.5),
  powOdd: (x) => tf.pow(x, 9),
  powAny: (x) => tf.pow(x, 2.3),
  powMinusAny: (x) => tf.pow(x, -0.7),
  powInfinite: (x) => tf.pow(x, Infinity),
  powNaN: (x) => tf.pow(x, NaN),
  reciprocal: tf.reciprocal,
  relu: tf.relu,
  relu6: tf.relu6,
  round: tf.round,
  rsqrt: tf.rsqrt,
  selu: tf.selu,
  sigmoid: tf.sigmoid,
  sign: tf.sign,
  sin: tf.sin,
  softplus: tf.softplus,
  sqrt: tf.sqrt,
  square: tf.square,
  step: (x) => tf.step(x, 0.2),
  tanh: tf.tanh,
};

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;
const binaries: Record<string, Binary> = {
  add: tf.add,
  div: tf.div,
  maximum: tf.maximum,
  minimum: tf.minimum,
  mul: tf.mul,
  pow: tf.pow,
  squaredDifference: tf.squaredDifference,
  sub: tf.sub,
  equal: tf.equal,
  greater: tf.greater,
  greaterEqual: tf.greaterEqual,
  less: tf.less,
  lessEqual: tf.lessEqual,
  notEqual: tf.notEqual,
};

/** Two shapes that broadcast: axes of one are dropped or set to 1. */
const broadcastable = fc
  .tuple(
    shape(5, 6),
    fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 5, maxLength: 5 }),
    fc.nat(4),
    fc.boolean(),
  )
  .map(([full, kinds, dropped, swap]) => {
    const a = full.map((length, i) => (kinds[i] === 1 ? 1 : length));
    const b = full.map((length, i) => (kinds[i] === 2 ? 1 : length)).slice(Math.min(dropped, full.length));
    return swap ? ([b, a] as const) : ([a, b] as const);
  });

describe("element-wise kernels equal the plain back end's", () => {
  it.each(Object.keys(unaries))("%s", (name) => {
    const f = unaries[name]!;
    fc.assert(
      fc.property(shape(), seed, (dims, s) => {
        expectSame(() => f(awkwardTensor(dims, s)), { rtol: 1e-5 });
      }),
      { numRuns: 15 },
    );
    expectSame(() => f(randomTensor([3, 5001], 7, -20, 20)), { rtol: 1e-5 });
    expectSame(() => f(randomTensor([70001], 8, -1, 1)), { rtol: 1e-5, atol: 3e-7 });
  });

  it.each(Object.keys(binaries))("%s with broadcasting", (name) => {
    const f = binaries[name]!;
    fc.assert(
      fc.property(broadcastable, seed, ([a, b], s) => {
        expectSame(() => f(awkwardTensor(a, s), awkwardTensor(b, s + 9)), { rtol: 1e-5 });
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    [[64, 33, 17], [17]],
    [
      [40, 9, 9, 3],
      [1, 1, 3],
    ],
    [[3], [50, 400, 3]],
    [
      [7, 31, 30, 5],
      [7, 1, 1, 1],
    ],
    [
      [7, 1, 1, 5],
      [7, 31, 30, 5],
    ],
    [
      [2, 90001],
      [2, 1],
    ],
    [
      [1, 90001],
      [2, 1],
    ],
    [
      [6000, 10],
      [6000, 1],
    ],
    [
      [5, 1, 7, 1, 300],
      [1, 4, 1, 3, 1],
    ],
    [[100000], []],
  ])("large broadcasts: %j and %j", (a, b) => {
    expectSame(() => [
      tf.sub(randomTensor(a, 1), randomTensor(b, 2)),
      tf.greater(randomTensor(a, 1), randomTensor(b, 2)),
    ]);
  });

  it("addN, prelu, eluGrad, select, fills and casts", () => {
    fc.assert(
      fc.property(shape(), seed, (dims, s) => {
        expectSame(() => tf.addN([0, 1, 2].map((i) => randomTensor(dims, s + i))));
        expectSame(() => tf.prelu(awkwardTensor(dims, s), randomTensor(dims, s + 1)));
        expectSame(
          () =>
            tf.engine().runKernel(tf.EluGrad, {
              dy: randomTensor(dims, s),
              y: randomTensor(dims, s + 1),
            }) as tf.Tensor,
        );
        expectSame(() =>
          tf.where(tf.greater(randomTensor(dims, s), 0), awkwardTensor(dims, s), awkwardTensor(dims, s + 5)),
        );
        expectSame(() => [
          tf.zerosLike(randomTensor(dims, s)),
          tf.onesLike(randomTensor(dims, s)),
          tf.fill(dims, 2.5),
        ]);
        expectSame(() => [
          tf.cast(awkwardTensor(dims, s, -1e3, 1e3), "int32"),
          tf.cast(tf.cast(awkwardTensor(dims, s), "bool"), "float32"),
          tf.cast(tf.cast(randomTensor(dims, s, -9, 9), "int32"), "float32"),
          tf.cast(awkwardTensor(dims, s), "float32"),
        ]);
      }),
      { numRuns: 15 },
    );
    expectSame(() => tf.cast(tf.tensor1d([3e9, -3e9, 2147483648, -2147483649, 1e20, 0.9, -0.9]), "int32"));
  });

  it("other types and empty tensors fall back", () => {
    const int = () => tf.tensor2d([1, -2, 3, 4], [2, 2], "int32");
    expectSame(() => [
      tf.add(int(), int()),
      tf.mul(int(), 3),
      tf.maximum(int(), 2),
      tf.relu(int()),
      tf.abs(int()),
    ]);
    expectSame(() => [
      tf.equal(int(), int()),
      tf.where(tf.greater(int(), 1), int(), tf.neg(int())),
      tf.sum(int()),
    ]);
    expectSame(() => tf.logicalAnd(tf.tensor1d([1, 0, 1], "bool"), tf.tensor1d([1, 1, 0], "bool")));
    expectSame(() => [tf.add(tf.zeros([0, 3]), 1), tf.exp(tf.zeros([2, 0])), tf.sum(tf.zeros([0, 3]), 0)]);
    expectSame(() => tf.real(tf.add(tf.complex([1, 2], [3, 4]), tf.complex([5, 6], [7, 8]))));
    expectSame(() => [tf.add(tf.tensor1d([1.5, 2]), tf.tensor1d([1, 2], "int32"))]);
  });

  it("shapes that do not broadcast are refused", () => {
    on("native", () => {
      expect(() => tf.add(tf.zeros([2, 3]), tf.zeros([4]))).toThrow(/could not be broadcast/);
    });
  });
});
