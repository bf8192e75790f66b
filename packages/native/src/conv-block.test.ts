import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CONV_BLOCK, CONV_BLOCK_GRAD, CONV_BLOCK_GRAD_GRAD, type ConvBlockAttrs } from "./index.ts";
import { precision, setPrecision, type NativePrecision } from "./settings.ts";
import { expectClose, on, randomTensor, seed, size } from "./testing/compare-backends.ts";

let before: NativePrecision;
beforeAll(() => {
  on("native", () => (before = precision()));
  setPrecision("highest");
});
afterAll(() => setPrecision(before));

type Named = Record<string, tf.Tensor>;

const run = (name: string, inputs: Named, attrs: object) =>
  tf.engine().runKernel<tf.Tensor[]>(name, inputs, attrs as tf.NamedAttrMap);

/** The block by its definition, from plain operations. */
function composed({ x, filter, bias, gamma, beta }: Named, attrs: ConvBlockAttrs): (tf.Tensor | undefined)[] {
  const convolved = tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, attrs.stride, attrs.pad) as tf.Tensor;
  let a = bias === undefined ? convolved : tf.add(convolved, bias);
  if (attrs.norm === "batch") {
    const { mean, variance } = tf.moments(a, [0, 1, 2]);
    a = tf.add(tf.mul(tf.div(tf.sub(a, mean), tf.sqrt(tf.add(variance, attrs.epsilon))), gamma!), beta!);
  }
  if (attrs.norm === "group") {
    const [n, h, w, c] = a.shape as [number, number, number, number];
    const grouped = tf.reshape(a, [n, h, w, attrs.groups, c / attrs.groups]);
    const { mean, variance } = tf.moments(grouped, [1, 2, 4], true);
    const z = tf.reshape(tf.div(tf.sub(grouped, mean), tf.sqrt(tf.add(variance, attrs.epsilon))), a.shape);
    a = tf.add(tf.mul(z, gamma!), beta!);
  }
  if (attrs.activation === "relu") a = tf.relu(a);
  if (attrs.activation === "leakyrelu") a = tf.leakyRelu(a, attrs.slope);
  const attention = (axes: number[]) =>
    attrs.attentionPower === 0 ? undefined : tf.sum(tf.pow(tf.abs(a), attrs.attentionPower), axes);
  const pooled =
    attrs.pool === "none"
      ? a
      : (attrs.pool === "average" ? tf.avgPool : tf.maxPool)(
          a as tf.Tensor4D,
          attrs.poolSize,
          attrs.poolSize,
          "valid",
        );
  return [pooled, attention([3]), attention([1, 2])];
}

const problem = fc.record({
  n: size(5),
  h: fc.integer({ min: 4, max: 11 }),
  w: fc.integer({ min: 4, max: 11 }),
  c: size(9),
  half: size(10),
  k: fc.constantFrom(1, 3, 5),
  stride: fc.constantFrom(1, 1, 2),
  norm: fc.constantFrom("none", "group", "instance", "batch"),
  activation: fc.constantFrom<ConvBlockAttrs["activation"]>("identity", "relu", "leakyrelu"),
  pool: fc.constantFrom<ConvBlockAttrs["pool"]>("none", "average", "max"),
  bias: fc.boolean(),
  attention: fc.constantFrom(0, 2, 4),
  seed,
});
type Problem = typeof problem extends fc.Arbitrary<infer T> ? T : never;

function attrsOf(p: Problem): ConvBlockAttrs {
  return {
    stride: p.stride,
    pad: (p.k - 1) / 2,
    norm: p.norm === "instance" ? "group" : p.norm,
    groups: p.norm === "instance" ? 2 * p.half : 2,
    epsilon: 1e-2,
    activation: p.activation,
    slope: 0.2,
    pool: p.pool,
    poolSize: 2,
    attentionPower: p.attention,
  };
}

function inputsOf(p: Problem): Named {
  const o = 2 * p.half;
  return {
    x: randomTensor([p.n, p.h, p.w, p.c], p.seed),
    filter: randomTensor([p.k, p.k, p.c, o], p.seed + 1, -0.5, 0.5),
    ...(p.bias ? { bias: randomTensor([o], p.seed + 2) } : {}),
    ...(p.norm === "none"
      ? {}
      : { gamma: randomTensor([o], p.seed + 3, 0.5, 1.5), beta: randomTensor([o], p.seed + 4) }),
  };
}

const BOTH = { wantImages: true, wantParameters: true };
const NAMES = ["x", "filter", "bias", "gamma", "beta"];

const dot = (a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.mul(a, b)).dataSync()[0]!;
const norm = (a: tf.Tensor) => Math.sqrt(dot(a, a));

/** Derivative of a smooth function at 0: differences of fourth order, balanced against float32 rounding. */
function derivative(f: (h: number) => number, h = 5e-3): number {
  return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h);
}

/** A random direction of length one, turned halfway towards a gradient: a wrong gradient cannot hide at right angles to it. */
function along(gradient: tf.Tensor, seed: number): tf.Tensor {
  const random = randomTensor(gradient.shape, seed, -1, 1);
  return tf.add(tf.div(random, norm(random)), tf.div(gradient, norm(gradient) + 1e-9));
}

/** Such differences of float32 values are good to about this much of the sizes involved. */
const DIFFERENCES = 1e-2;

describe("the fused block", () => {
  it("forward equals its definition", () => {
    fc.assert(
      fc.property(problem, (p) => {
        const attrs = attrsOf(p);
        const values = (tensors: (tf.Tensor | undefined)[]) =>
          tensors.map((tensor) => ({ shape: tensor?.shape ?? [0], values: tensor?.dataSync() ?? [] }));
        const truth = on("cpu", () =>
          tf.tidy(() => values(composed(inputsOf(p), attrs)) as unknown as tf.TensorContainer),
        );
        const [pooled, attention, channels] = truth as unknown as { shape: number[]; values: Float32Array }[];
        on("native", () =>
          tf.tidy(() => {
            const outputs = run(CONV_BLOCK, inputsOf(p), attrs);
            expect(outputs.map((output) => output.dtype)).toEqual([
              "float32",
              "float32",
              "float32",
              "float32",
              "float32",
            ]);
            expect(outputs[0]!.shape).toEqual(pooled!.shape);
            expectClose(outputs[0]!.dataSync(), pooled!.values, { rtol: 1e-4, atol: 2e-4 });
            expect(outputs[1]!.shape).toEqual(attention!.shape);
            expectClose(outputs[1]!.dataSync(), attention!.values, { rtol: 2e-3, atol: 1e-3 });
            expect(outputs[4]!.shape).toEqual(channels!.shape);
            expectClose(outputs[4]!.dataSync(), channels!.values, { rtol: 2e-3, atol: 1e-3 });
          }),
        );
      }),
      { numRuns: 60 },
    );
  });

  it("backward agrees with differences of forward", () => {
    fc.assert(
      fc.property(problem, (problem_) => {
        // Smooth where differences are taken: no kinks, no ties.
        const p: Problem = {
          ...problem_,
          activation: "identity",
          pool: problem_.pool === "max" ? "average" : problem_.pool,
        };
        const attrs = attrsOf(p);
        on("native", () =>
          tf.tidy(() => {
            const inputs = inputsOf(p);
            const [pooled, attention, saved] = run(CONV_BLOCK, inputs, attrs) as [
              tf.Tensor,
              tf.Tensor,
              tf.Tensor,
            ];
            fc.pre(pooled.size > 0);
            const upstream: Named = {
              dpooled: randomTensor(pooled.shape, p.seed + 5),
              ...(attrs.attentionPower === 0
                ? {}
                : {
                    dattention: randomTensor(attention.shape, p.seed + 6, -0.1, 0.1),
                    dchannelAttention: randomTensor([p.n, 2 * p.half], p.seed + 16, -0.1, 0.1),
                  }),
            };
            const value = (shifted: Named) => {
              const [y, a, , , q] = run(CONV_BLOCK, shifted, attrs);
              const direct = dot(y!, upstream["dpooled"]!);
              if (attrs.attentionPower === 0) return direct;
              return direct + dot(a!, upstream["dattention"]!) + dot(q!, upstream["dchannelAttention"]!);
            };
            const gradients = run(CONV_BLOCK_GRAD, { ...inputs, ...upstream }, { ...attrs, ...BOTH, saved });
            NAMES.forEach((name, i) => {
              const input = inputs[name];
              if (input === undefined) return expect(gradients[i]!.shape).toEqual([0]);
              expect(gradients[i]!.shape).toEqual(input.shape);
              const direction = along(gradients[i]!, p.seed + 7 + i);
              const at = (step: number) =>
                value({ ...inputs, [name]: tf.add(input, tf.mul(direction, step)) });
              const numeric = derivative(at);
              const scale = norm(gradients[i]!) * norm(direction) + Math.abs(at(0)) * 1e-1 + 1e-1;
              expect(Math.abs(numeric - dot(gradients[i]!, direction)) / scale).toBeLessThan(DIFFERENCES);
            });
          }),
        );
      }),
      { numRuns: 30 },
    );
  });

  it("backward of backward: exact in dpooled, and agrees with differences in the rest", () => {
    fc.assert(
      fc.property(problem, (problem_) => {
        const p: Problem = {
          ...problem_,
          attention: 0,
          activation: "identity",
          pool: problem_.pool === "max" ? "average" : problem_.pool,
        };
        const attrs = attrsOf(p);
        on("native", () =>
          tf.tidy(() => {
            const inputs = inputsOf(p);
            const present = NAMES.filter((name) => inputs[name] !== undefined);
            const [pooled, , saved] = run(CONV_BLOCK, inputs, attrs) as [tf.Tensor, tf.Tensor, tf.Tensor];
            fc.pre(pooled.size > 0);
            const dpooled = randomTensor(pooled.shape, p.seed + 5);
            const cotangents: Named = Object.fromEntries(
              present.map((name, i) => [
                `c${name}`,
                randomTensor(inputs[name]!.shape, p.seed + 20 + i, -1, 1),
              ]),
            );
            /** ⟨cotangents, backward(inputs, dpooled)⟩ */
            const value = (shifted: Named, upstream: tf.Tensor) => {
              const gradients = run(
                CONV_BLOCK_GRAD,
                { ...shifted, dpooled: upstream },
                { ...attrs, ...BOTH },
              );
              return present.reduce(
                (sum, name) => sum + dot(gradients[NAMES.indexOf(name)]!, cotangents[`c${name}`]!),
                0,
              );
            };
            // What is rounded: the terms of the sum, which may cancel, as a bias does under batch normalisation.
            const first = run(CONV_BLOCK_GRAD, { ...inputs, dpooled }, { ...attrs, ...BOTH });
            const rounded = present.reduce(
              (sum, name) => sum + norm(first[NAMES.indexOf(name)]!) * norm(cotangents[`c${name}`]!),
              0,
            );
            const outputs = run(
              CONV_BLOCK_GRAD_GRAD,
              { ...inputs, dpooled, ...cotangents },
              { ...attrs, ...BOTH, saved },
            );
            // Backward is linear in dpooled.
            const other = randomTensor(pooled.shape, p.seed + 6);
            const scale = norm(outputs[0]!) * norm(other) + 1e-2;
            expect(Math.abs(value(inputs, other) - dot(outputs[0]!, other)) / scale).toBeLessThan(1e-4);
            NAMES.forEach((name, i) => {
              const input = inputs[name];
              const gradient = outputs[i + 1]!;
              if (input === undefined) return expect(gradient.shape).toEqual([0]);
              expect(gradient.shape).toEqual(input.shape);
              const direction = along(gradient, p.seed + 30 + i);
              const step = 2e-3;
              const at = (h: number) =>
                value({ ...inputs, [name]: tf.add(input, tf.mul(direction, h)) }, dpooled);
              const numeric = (at(step) - at(-step)) / (2 * step);
              const size = norm(gradient) * norm(direction) + rounded * 1e-1 + 1e-1;
              expect(Math.abs(numeric - dot(gradient, direction)) / size).toBeLessThan(DIFFERENCES);
            });
          }),
        );
      }),
      { numRuns: 30 },
    );
  });

  it("computes only what is wanted", () => {
    on("native", () =>
      tf.tidy(() => {
        const p = {
          n: 2,
          h: 6,
          w: 6,
          c: 3,
          half: 4,
          k: 3,
          stride: 1,
          norm: "instance",
          bias: true,
          attention: 0,
          seed: 5,
        };
        const full = { ...p, activation: "relu", pool: "average" } as Problem;
        const [attrs, inputs] = [attrsOf(full), inputsOf(full)];
        const [pooled, attention, saved] = run(CONV_BLOCK, inputs, attrs) as [
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
        ];
        expect(attention.shape).toEqual([0]);
        const all = { ...inputs, dpooled: tf.onesLike(pooled) };
        const shapes = (wantImages: boolean, wantParameters: boolean) =>
          run(CONV_BLOCK_GRAD, all, { ...attrs, saved, wantImages, wantParameters }).map((g) => g.shape);
        expect(shapes(true, false)).toEqual([[2, 6, 6, 3], [0], [0], [0], [0]]);
        expect(shapes(false, true)).toEqual([[0], [3, 3, 3, 8], [8], [8], [8]]);
        const cotangents = { cx: tf.onesLike(inputs["x"]!) };
        const second = run(
          CONV_BLOCK_GRAD_GRAD,
          { ...all, ...cotangents },
          { ...attrs, saved, wantImages: true, wantParameters: false },
        );
        expect(second.map((g) => g.shape)).toEqual([pooled.shape, [2, 6, 6, 3], [0], [0], [0], [0]]);
      }),
    );
  });

  it("refuses inputs that do not fit", () => {
    on("native", () =>
      tf.tidy(() => {
        const attrs = attrsOf({
          half: 4,
          k: 3,
          stride: 1,
          norm: "instance",
          activation: "relu",
          pool: "max",
          attention: 0,
        } as Problem);
        const x = tf.zeros([2, 6, 6, 3]);
        const filter = tf.zeros([3, 3, 3, 8]);
        const wrong = tf.zeros([3, 3, 4, 8]);
        expect(() => run(CONV_BLOCK, { x, filter: wrong }, attrs)).toThrow(
          "ConvBlock: x [N,H,W,C] and a filter [kh,kw,C,O] are wanted, none empty, got [2,6,6,3] and [3,3,4,8]",
        );
        expect(() => run(CONV_BLOCK, { x, filter, gamma: tf.zeros([7]) }, attrs)).toThrow(
          "blockForward: `gamma`: Float32Array of 8 is wanted, got Float32Array of 7",
        );
        expect(() => run(CONV_BLOCK, { x, filter }, { ...attrs, groups: 3 })).toThrow(
          "a number of groups that divides the channels",
        );
        expect(() => run(CONV_BLOCK, { x, filter }, { ...attrs, pool: "median" })).toThrow(
          'ConvBlock: `pool`: one of none, average, max is wanted, got "median"',
        );
        expect(() => run(CONV_BLOCK, { x: tf.cast(x, "int32"), filter }, attrs)).toThrow(
          "ConvBlock: `x`: float32 is wanted, got int32; cast it",
        );
      }),
    );
  });
});
