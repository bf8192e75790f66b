import * as tf from "@tensorflow/tfjs-core";
import {
  CONV_BLOCK,
  CONV_BLOCK_GRAD,
  CONV_BLOCK_GRAD_GRAD,
  type ConvBlockAttrs,
  type ConvBlockInputs,
} from "@limbeck/native";
import { describe, expect, it } from "vitest";
import { NotDifferentiableError, ShapeError } from "../errors.ts";
import { convBlock } from "./conv-block.ts";
import { hasFusedConvBlock } from "./fused-conv-block.ts";
import { startWebgpu } from "../testing/start-webgpu.ts";
import { availableBackEnds } from "./testing/back-ends.ts";
import { draw } from "./testing/derivative-error.ts";

/** Two float32 evaluations of the same function, relative to the largest element. */
const F32_PARITY_RTOL = 2e-5;

const PLAIN: ConvBlockAttrs = {
  stride: 1,
  pad: 1,
  norm: "group",
  groups: 4,
  epsilon: 1e-5,
  activation: "relu",
  slope: 0.01,
  pool: "average",
  poolSize: 2,
  attentionPower: 0,
};

/** Every branch of the block at least once, odd sizes included. */
const CASES: Readonly<
  Record<string, { readonly attrs: ConvBlockAttrs; readonly without?: readonly string[] }>
> = {
  "instance norm, relu, average": { attrs: PLAIN },
  "no bias": { attrs: PLAIN, without: ["bias"] },
  "group norm, leaky, max": { attrs: { ...PLAIN, groups: 2, activation: "leakyrelu", pool: "max" } },
  "one group, identity, no pool": { attrs: { ...PLAIN, groups: 1, activation: "identity", pool: "none" } },
  "no norm, relu, max of 3": {
    attrs: { ...PLAIN, norm: "none", groups: 1, pool: "max", poolSize: 3 },
    without: ["gamma", "beta"],
  },
  "plain convolution": {
    attrs: { ...PLAIN, norm: "none", groups: 1, activation: "identity", pool: "none" },
    without: ["bias", "gamma", "beta"],
  },
  "batch norm, relu, average": { attrs: { ...PLAIN, norm: "batch" } },
  "batch norm, leaky, max, no bias": {
    attrs: { ...PLAIN, norm: "batch", activation: "leakyrelu", pool: "max" },
    without: ["bias"],
  },
  "stride 2, padding 2, average": { attrs: { ...PLAIN, stride: 2, pad: 2 } },
};

type Named = Record<string, tf.Tensor>;

function tensors(without: readonly string[]): Named {
  const shapes = { x: [2, 7, 9, 3], filter: [3, 3, 3, 4], bias: [4], gamma: [4], beta: [4] };
  const entries = Object.entries(shapes).filter(([name]) => !without.includes(name));
  return Object.fromEntries(
    entries.map(([name, shape]) => {
      const values = draw(name, shape.reduce((a, b) => a * b, 1)); // prettier-ignore
      return [name, tf.tensor(Float32Array.from(values), shape)];
    }),
  );
}

/** First derivatives of `Σ c·pooled²`, and second ones along random directions, for every input. */
function derivatives(attrs: ConvBlockAttrs, without: readonly string[]): Record<string, tf.Tensor> {
  const named = tensors(without);
  const names = Object.keys(named);
  const run = (...values: tf.Tensor[]) =>
    convBlock(
      Object.fromEntries(names.map((name, i) => [name, values[i]!])) as unknown as ConvBlockInputs,
      attrs,
    ).pooled;
  const random = (seed: string, like: tf.Tensor) =>
    tf.tensor(Float32Array.from(draw(seed, like.size)), like.shape);
  const f = (...values: tf.Tensor[]) => {
    const pooled = run(...values);
    return tf.sum(tf.mul(tf.square(pooled), random("c", pooled)));
  };
  const along = (...values: tf.Tensor[]) =>
    tf.addN(
      tf
        .grads(f)(values)
        .map((g, i) => tf.sum(tf.mul(g, random(`v${i}`, g)))),
    );
  const pooled = run(...Object.values(named));
  const first = tf.grads(f)(Object.values(named));
  const second = tf.grads(along)(Object.values(named));
  return Object.fromEntries([
    ["pooled", pooled],
    ...names.map((name, i) => [`d${name}`, first[i]!] as const),
    ...names.map((name, i) => [`second derivative in ${name}`, second[i]!] as const),
  ]);
}

function largest(x: ArrayLike<number>): number {
  return Array.from(x).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
}

const plainBackEnds = await availableBackEnds();
const withoutWebgpu = await startWebgpu();
const backEnds = withoutWebgpu === undefined ? [...plainBackEnds, "webgpu"] : plainBackEnds;

it("is tried on webgpu", ({ skip }) => {
  if (withoutWebgpu !== undefined) skip(withoutWebgpu);
});

describe.each(backEnds.filter((name) => name !== "cpu"))("convBlock on %s", (backEnd) => {
  it.each(Object.keys(CASES))("agrees with the composed block on cpu: %s", async (name) => {
    const { attrs, without = [] } = CASES[name]!;
    const read = (values: Record<string, tf.Tensor>) =>
      Object.fromEntries(
        Object.entries(values).map(([key, value]) => [key, { shape: value.shape, data: value.dataSync() }]),
      );
    await tf.setBackend("cpu");
    const expected = tf.tidy(() => ({ values: read(derivatives(attrs, without)) }) as never) as {
      values: Record<string, { shape: number[]; data: Float32Array }>;
    };
    await tf.setBackend(backEnd);
    const before = tf.memory().numTensors;
    const found = tf.tidy(() => ({ values: read(derivatives(attrs, without)) }) as never) as typeof expected;
    expect(tf.memory().numTensors).toBe(before);
    for (const [key, { shape, data }] of Object.entries(expected.values)) {
      const other = found.values[key]!;
      expect(other.shape, key).toEqual(shape);
      // Gradients that are 0 in exact arithmetic (a bias before normalisation) are compared on the scale of their sums.
      const scale = Math.max(largest(data), 1);
      const error = largest(data.map((value, i) => value - other.data[i]!)) / scale;
      expect(error, key).toBeLessThan(F32_PARITY_RTOL);
    }
  });
});

describe.each(backEnds)("convBlock on %s", (backEnd) => {
  it.each([1, 2, 3, 4, 2.5])("returns attention of power %d with its first derivative", async (power) => {
    await tf.setBackend(backEnd);
    tf.tidy(() => {
      const inputs = tensors([]) as unknown as ConvBlockInputs;
      const attrs: ConvBlockAttrs = { ...PLAIN, activation: "leakyrelu", slope: 0.25, attentionPower: power };
      const { activation } = convBlock(inputs, { ...attrs, attentionPower: 0 }, { activations: true });
      const { attention, channelAttention, pooled } = convBlock(inputs, attrs);
      const sums = (a: tf.Tensor, axes: number[]) => tf.sum(tf.pow(tf.abs(a), power), axes);
      expect(attention!.shape).toEqual([2, 7, 9]);
      expect(channelAttention!.shape).toEqual([2, 4]);
      for (const [found, axes] of [
        [attention!, [3]],
        [channelAttention!, [1, 2]],
      ] as const) {
        const expected = sums(activation!, [...axes]);
        expect(largest(tf.sub(found, expected).dataSync())).toBeLessThan(
          F32_PARITY_RTOL * largest(expected.dataSync()),
        );
      }
      expect(pooled.shape).toEqual([2, 3, 4, 4]);

      // Against the derivative through the activation, which plain operations give.
      const weights = tf.tensor(Float32Array.from(draw("weights", 126)), [2, 7, 9]);
      const ofChannels = tf.tensor(Float32Array.from(draw("channels", 8)), [2, 4]);
      const loss = (a: tf.Tensor, q: tf.Tensor, p: tf.Tensor) =>
        tf.addN([tf.sum(tf.mul(a, weights)), tf.sum(tf.mul(q, ofChannels)), tf.sum(p)]);
      const found = tf.grad((x) => {
        const block = convBlock({ ...inputs, x: x as tf.Tensor4D }, attrs);
        return loss(block.attention!, block.channelAttention!, block.pooled);
      })(inputs.x);
      const truth = tf.grad((x) => {
        const block = convBlock(
          { ...inputs, x: x as tf.Tensor4D },
          { ...attrs, attentionPower: 0 },
          { activations: true },
        );
        return loss(sums(block.activation!, [3]), sums(block.activation!, [1, 2]), block.pooled);
      })(inputs.x);
      expect(largest(tf.sub(found, truth).dataSync())).toBeLessThan(
        F32_PARITY_RTOL * largest(truth.dataSync()),
      );
    });
  });

  it("refuses a second derivative where attention was asked for", async () => {
    await tf.setBackend(backEnd);
    const second = () =>
      tf.tidy(() => {
        const inputs = tensors([]) as unknown as ConvBlockInputs;
        const attrs = { ...PLAIN, attentionPower: 2 };
        const f = (x: tf.Tensor) => tf.sum(convBlock({ ...inputs, x: x as tf.Tensor4D }, attrs).attention!);
        return tf.grad((x) => tf.sum(tf.square(tf.grad(f)(x))))(inputs.x);
      });
    expect(second).toThrow(NotDifferentiableError);
    expect(second).toThrow(
      "convBlock: attention has first derivatives only; leave `attentionPower` out where a second derivative is taken",
    );
  });

  it.each([
    ["parameters", "x"],
    ["images", "filter"],
    ["images", "gamma"],
  ] as const)("with differentiate %s refuses a derivative in %s", async (differentiate, name) => {
    await tf.setBackend(backEnd);
    const derivative = () =>
      tf.tidy(() => {
        const inputs = tensors([]);
        const f = (t: tf.Tensor) =>
          tf.sum(
            convBlock({ ...inputs, [name]: t } as unknown as ConvBlockInputs, PLAIN, { differentiate })
              .pooled,
          );
        return tf.grad(f)(inputs[name]!);
      });
    expect(derivative).toThrow(NotDifferentiableError);
    expect(derivative).toThrow(
      `convBlock: no derivative in ${name} was prepared (differentiate is "${differentiate}"); use differentiate "both"`,
    );
  });

  it.each([
    ["parameters", ["filter", "bias", "gamma", "beta"]],
    ["images", ["x"]],
  ] as const)("with differentiate %s has the same other derivatives, twice", async (differentiate, names) => {
    await tf.setBackend(backEnd);
    tf.tidy(() => {
      const inputs = tensors([]);
      const second = (options: { differentiate?: "parameters" | "images" }) => {
        const f = (...values: tf.Tensor[]) => {
          const given = { ...inputs, ...Object.fromEntries(names.map((name, i) => [name, values[i]!])) };
          return tf.sum(tf.square(convBlock(given as unknown as ConvBlockInputs, PLAIN, options).pooled));
        };
        const squares = (...values: tf.Tensor[]) =>
          tf.addN(
            tf
              .grads(f)(values)
              .map((g) => tf.sum(tf.square(g))),
          );
        return tf.grads(squares)(names.map((name) => inputs[name]!));
      };
      const [all, half] = [second({}), second({ differentiate })];
      all.forEach((truth, i) => {
        const error = largest(tf.sub(truth, half[i]!).dataSync());
        expect(error).toBeLessThanOrEqual(F32_PARITY_RTOL * Math.max(1, largest(truth.dataSync())));
      });
    });
  });

  it("frees everything when a derivative throws nothing and when nothing is recorded", async () => {
    await tf.setBackend(backEnd);
    const before = tf.memory();
    for (let i = 0; i < 3; i++) {
      tf.tidy(() => {
        const inputs = tensors([]) as unknown as ConvBlockInputs;
        convBlock(inputs, { ...PLAIN, attentionPower: 2 });
        const f = (x: tf.Tensor) =>
          tf.sum(tf.square(convBlock({ ...inputs, x: x as tf.Tensor4D }, PLAIN).pooled));
        tf.grad((x) => tf.sum(tf.square(tf.grad(f)(x))))(inputs.x);
      });
    }
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(tf.memory().numDataBuffers).toBe(before.numDataBuffers);
  });

  it("returns the activation before pooling", async () => {
    await tf.setBackend(backEnd);
    tf.tidy(() => {
      const inputs = tensors([]) as unknown as ConvBlockInputs;
      const { activation, pooled } = convBlock(inputs, PLAIN, { activations: true });
      expect(activation!.shape).toEqual([2, 7, 9, 4]);
      expect(tf.min(activation!).dataSync()[0]).toBe(0);
      const again = tf.avgPool(activation!, 2, 2, "valid");
      expect(largest(tf.sub(again, pooled).dataSync())).toBeLessThan(F32_PARITY_RTOL);
    });
  });
});

describe("the fused block", () => {
  it.each(backEnds.filter((name) => name !== "cpu" && name !== "wasm"))(
    "runs on %s, each kernel once a pass",
    async (backEnd) => {
      await tf.setBackend(backEnd);
      expect(hasFusedConvBlock()).toBe(true);
      const count = async (run: () => unknown) => {
        const profile = await tf.profile(() => {
          tf.tidy(() => void run());
          return tf.scalar(0);
        });
        tf.dispose(profile.result as tf.Tensor);
        const names = profile.kernels.map((kernel) => kernel.name);
        return [CONV_BLOCK, CONV_BLOCK_GRAD, CONV_BLOCK_GRAD_GRAD].map(
          (name) => names.filter((other) => other === name).length,
        );
      };
      const names = ["x", "filter", "bias", "gamma", "beta"];
      const f = (...values: tf.Tensor[]) => {
        const inputs = Object.fromEntries(names.map((name, i) => [name, values[i]!]));
        return tf.sum(tf.square(convBlock(inputs as unknown as ConvBlockInputs, PLAIN).pooled));
      };
      const squares = (...values: tf.Tensor[]) =>
        tf.addN(
          tf
            .grads(f)(values)
            .map((g) => tf.sum(tf.square(g))),
        );
      const values = () => Object.values(tensors([]));
      expect(await count(() => f(...values()))).toEqual([1, 0, 0]);
      expect(await count(() => tf.grads(f)(values()))).toEqual([1, 1, 0]);
      // The outer backward pass runs the kernel of the gradient for the forward pass again.
      expect(await count(() => tf.grads(squares)(values()))).toEqual([1, 2, 1]);
    },
  );

  it.each([
    ["filter", "x"],
    ["filter", "filter"],
    ["x", "x"],
    ["x", "filter"],
  ] as const)(
    "the gradient in %s, differentiated in %s, computes no half for nothing",
    async (first, second) => {
      await tf.setBackend("reference");
      const computed: Record<string, string[][]> = {};
      const profile = await tf.profile(() => {
        tf.tidy(() => {
          const inputs = tensors([]);
          const f = (given: Named) =>
            tf.sum(tf.square(convBlock({ ...inputs, ...given } as never, PLAIN).pooled));
          // The constant c keeps the gradient apart from what it is differentiated in.
          tf.grad((outer) => {
            const c = tf.tensor(Float32Array.from(draw("c", inputs[first]!.size)), inputs[first]!.shape);
            const at = first === second ? outer : inputs[first]!;
            return tf.sum(tf.mul(c, tf.grad((inner) => f({ [second]: outer, [first]: inner }))(at)));
          })(inputs[second]!);
        });
        return tf.scalar(0);
      });
      tf.dispose(profile.result as tf.Tensor);
      for (const { name, outputShapes } of profile.kernels) {
        const [x, filter] = name === CONV_BLOCK_GRAD ? outputShapes : outputShapes.slice(1);
        const sizes = { x, filter } as unknown as Readonly<Record<string, number[] | undefined>>;
        (computed[name] ??= []).push(Object.keys(sizes).filter((key) => sizes[key]?.[0] !== 0));
      }
      // The second time for what reaches the forward pass, which the gradient depends on too.
      expect(computed[CONV_BLOCK_GRAD]).toEqual([[first], [second]]);
      expect(computed[CONV_BLOCK_GRAD_GRAD]).toEqual([[second]]);
    },
  );

  it("refuses a third derivative", async () => {
    await tf.setBackend("reference");
    const third = () =>
      tf.tidy(() => {
        const inputs = tensors([]) as unknown as ConvBlockInputs;
        const f = (x: tf.Tensor) =>
          tf.sum(tf.square(convBlock({ ...inputs, x: x as tf.Tensor4D }, PLAIN).pooled));
        const g = (x: tf.Tensor) => tf.sum(tf.square(tf.grad(f)(x)));
        return tf.grad((x) => tf.sum(tf.square(tf.grad(g)(x))))(inputs.x);
      });
    expect(third).toThrow(NotDifferentiableError);
    expect(third).toThrow("convBlock: the fused block has first and second derivatives only");
  });
});

describe("convBlock", () => {
  it("names a filter that does not fit the images", () => {
    const call = () =>
      tf.tidy(() => {
        convBlock({ x: tf.zeros([1, 4, 4, 2]), filter: tf.zeros([3, 3, 3, 4]) }, { ...PLAIN, norm: "none" });
      });
    expect(call).toThrow(ShapeError);
    expect(call).toThrow("convBlock: filter must have shape [kh,kw,2,O] for images [1,4,4,2], got [3,3,3,4]");
  });

  it("names groups that do not divide the channels", () => {
    const call = () =>
      tf.tidy(() => {
        convBlock({ x: tf.zeros([1, 4, 4, 3]), filter: tf.zeros([3, 3, 3, 4]) }, { ...PLAIN, groups: 3 });
      });
    expect(call).toThrow("convBlock: groups must divide the 4 output channels, got 3");
  });
});
