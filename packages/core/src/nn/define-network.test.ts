import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { ConfigError, NotDifferentiableError, ShapeError } from "../errors.ts";
import { availableBackEnds } from "../grad/testing/back-ends.ts";
import { normal } from "../random/draw.ts";
import { keyFromSeed } from "../random/key.ts";
import { createNetwork } from "./create-network.ts";
import { referenceForward } from "./testing/reference-float64.ts";

/** One float32 forward pass against float64, on numbers of order 1. */
const F32_FORWARD_ATOL = 2e-5;

const SHAPE = [8, 8, 3] as const;
const backEnds = await availableBackEnds();

function random(seed: number, shape: number[]): tf.Tensor {
  return tf.tensor(
    normal(
      keyFromSeed(seed),
      shape.reduce((a, b) => a * b, 1),
    ),
    shape,
  );
}

function numbers(x: tf.Tensor | ArrayLike<number>): number[] {
  return Array.from(x instanceof tf.Tensor ? x.dataSync() : x);
}

/** Largest difference of two arrays of the same length. */
function gap(a: tf.Tensor, b: tf.Tensor | ArrayLike<number>): number {
  const [x, y] = [numbers(a), numbers(b)];
  expect(x.length).toBe(y.length);
  return x.reduce((largest, value, i) => Math.max(largest, Math.abs(value - y[i]!)), 0);
}

describe("parameters", () => {
  it.each([
    "convnet3-w8",
    "convnet2-w8-layer",
    "mlp",
    "lenet",
    "alexnet-w8-batch",
    "vgg11-w4",
    "resnet18-w4",
  ])("of %s fill theta without gaps, with PyTorch's initial distribution", (name) => {
    const network = createNetwork(name, { inputShape: [32, 32, 3], classes: 10 });
    const theta = tf.tidy(() => network.init(keyFromSeed(1)).dataSync()) as Float32Array;
    let end = 0;
    for (const { name: entry, offset, size, shape, init, outputAxis } of network.parameters) {
      expect(offset, entry).toBe(end);
      expect(shape.reduce((a, b) => a * b, 1), entry).toBe(size); // prettier-ignore
      end += size;
      const values = theta.subarray(offset, offset + size);
      if (init.kind === "constant") {
        expect(values.every((value) => value === (entry.endsWith("gamma") ? 1 : 0)), entry).toBe(true); // prettier-ignore
        continue;
      }
      if (shape.length > 1) {
        const fanIn = size / shape.at(-1)!;
        expect(init.bound, entry).toBeCloseTo(1 / Math.sqrt(fanIn), 12);
        expect(outputAxis, entry).toBe(shape.length - 1);
      } else {
        expect(outputAxis, entry).toBe(-1);
      }
      const largest = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      expect(largest, entry).toBeLessThanOrEqual(init.bound);
      if (size >= 100) expect(largest, entry).toBeGreaterThan(0.9 * init.bound);
    }
    expect(end).toBe(network.parameterCount);
    expect(new Set(network.parameters.map((entry) => entry.name)).size).toBe(network.parameters.length);
  });

  it("of layer normalisation count their units by channel, those of the other normalisations are vectors", () => {
    const axes = (name: string) =>
      createNetwork(name, { inputShape: SHAPE, classes: 3 })
        .parameters.filter((entry) => entry.name.endsWith("gamma"))
        .map((entry) => [entry.shape, entry.outputAxis]);
    expect(axes("convnet1-w4-layer")).toEqual([[[8, 8, 4], 2]]);
    expect(axes("convnet1-w4-batch")).toEqual([[[4], -1]]);
  });

  it("are the same for the same key, and others for another", () => {
    const network = createNetwork("convnet3-w8", { inputShape: SHAPE, classes: 3 });
    const init = (seed: number) => tf.tidy(() => Array.from(network.init(keyFromSeed(seed)).dataSync()));
    expect(init(5)).toEqual(init(5));
    expect(init(5)).not.toEqual(init(6));
  });
});

describe.each(backEnds)("apply on %s", (backEnd) => {
  const NAMES = [
    "convnet2-w4",
    "convnet2-w4-batch-maxpool",
    "convnet2-w4-layer-sigmoid",
    "lenet",
    "resnet18-w2",
  ];
  it.each(NAMES)("%s gives logits and the blocks' activations and attention as in float64", async (name) => {
    await tf.setBackend(backEnd);
    const shape = name === "lenet" || name.startsWith("resnet") ? ([16, 16, 3] as const) : SHAPE;
    const network = createNetwork(name, { inputShape: shape, classes: 3 });
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const theta = network.init(keyFromSeed(2));
      const images = random(3, [2, ...shape]) as tf.Tensor4D;
      const truth = referenceForward(
        name,
        shape,
        3,
        Float64Array.from(theta.dataSync()),
        Float64Array.from(images.dataSync()),
      );
      const plain = network.apply(theta, images);
      expect(gap(plain.logits, truth.logits)).toBeLessThan(F32_FORWARD_ATOL);
      expect(plain.activations).toBeUndefined();
      expect(plain.attention).toBeUndefined();
      const head = network.parameters.at(-2)!;
      const weight = tf.reshape(tf.slice(theta, head.offset, head.size), head.shape as [number, number]);
      const bias = tf.slice(theta, head.offset + head.size);
      expect(gap(tf.add(tf.matMul(plain.embedding, weight), bias), plain.logits)).toBeLessThan(
        F32_FORWARD_ATOL,
      );

      const full = network.apply(theta, images, { activations: true, attentionPower: 2 });
      expect(full.activations!.length).toBe(truth.activations.length);
      expect(full.attention!.length).toBe(truth.activations.length);
      full.activations!.forEach((activation, i) => {
        expect(gap(activation, truth.activations[i]!)).toBeLessThan(F32_FORWARD_ATOL);
        const attention = tf.sum(tf.square(activation), 3);
        expect(full.attention![i]!.shape).toEqual(attention.shape);
        expect(gap(full.attention![i]!, attention)).toBeLessThan(10 * F32_FORWARD_ATOL);
      });
      const fused = network.apply(theta, images, { attentionPower: 2 });
      fused.attention!.forEach((attention, i) =>
        expect(gap(attention, full.attention![i]!)).toBeLessThan(10 * F32_FORWARD_ATOL),
      );
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it("uses the batch statistics that it is given, and reports those of a batch", async () => {
    await tf.setBackend(backEnd);
    const name = "convnet2-w4-batch";
    const network = createNetwork(name, { inputShape: SHAPE, classes: 3 });
    expect(network.usesBatchStatistics).toBe(true);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const theta = network.init(keyFromSeed(2));
      const [first, second] = [random(3, [5, ...SHAPE]), random(4, [2, ...SHAPE])] as [
        tf.Tensor4D,
        tf.Tensor4D,
      ];
      const [t, a, b] = [theta, first, second].map((x) => Float64Array.from(x.dataSync())) as [
        Float64Array,
        Float64Array,
        Float64Array,
      ];
      const statistics = network.batchStatistics(theta, first);
      const truth = referenceForward(name, SHAPE, 3, t, a).statistics;
      truth.forEach(({ mean, variance }, i) => {
        expect(gap(statistics.mean[i]!, mean)).toBeLessThan(F32_FORWARD_ATOL);
        expect(gap(statistics.variance[i]!, variance)).toBeLessThan(F32_FORWARD_ATOL);
      });
      const fixed = network.apply(theta, second, { statistics }).logits;
      const expected = referenceForward(name, SHAPE, 3, t, b, { statistics: truth }).logits;
      expect(gap(fixed, expected)).toBeLessThan(F32_FORWARD_ATOL);
      // One image alone has the same logits then, which it has not with batch statistics.
      const alone = tf.slice(second, 0, 1);
      expect(gap(network.apply(theta, alone, { statistics }).logits, expected.slice(0, 3))).toBeLessThan(
        F32_FORWARD_ATOL,
      );
      expect(gap(network.apply(theta, alone).logits, expected.slice(0, 3))).toBeGreaterThan(
        100 * F32_FORWARD_ATOL,
      );
    });
    expect(tf.memory().numTensors).toBe(before);
    const instance = createNetwork("convnet2-w4", { inputShape: SHAPE, classes: 3 });
    tf.tidy(() => {
      expect(
        instance.batchStatistics(instance.init(keyFromSeed(1)), random(3, [1, ...SHAPE]) as tf.Tensor4D),
      ).toEqual({
        mean: [],
        variance: [],
      });
    });
  });

  it.each(["convnet2-w4", "convnet2-w4-batch", "mlp-w8"])(
    "%s has the same derivatives when only one half is prepared, and refuses the other",
    async (name) => {
      await tf.setBackend(backEnd);
      const network = createNetwork(name, { inputShape: SHAPE, classes: 3 });
      tf.tidy(() => {
        const theta = network.init(keyFromSeed(2));
        const images = random(3, [2, ...SHAPE]) as tf.Tensor4D;
        const loss = (t: tf.Tensor, x: tf.Tensor, differentiate?: "images" | "parameters") =>
          tf.sum(
            tf.square(
              network.apply(
                t as tf.Tensor1D,
                x as tf.Tensor4D,
                differentiate === undefined ? {} : { differentiate },
              ).logits,
            ),
          );
        const [inTheta, inImages] = tf.grads((t, x) => loss(t!, x!))([theta, images]);
        expect(gap(tf.grad((t) => loss(t, images, "parameters"))(theta), inTheta!)).toBeLessThan(
          F32_FORWARD_ATOL,
        );
        expect(gap(tf.grad((x) => loss(theta, x, "images"))(images), inImages!)).toBeLessThan(
          F32_FORWARD_ATOL,
        );
        const refused = () => tf.grad((x) => loss(theta, x, "parameters"))(images);
        expect(refused).toThrow(NotDifferentiableError);
        expect(refused).toThrow(/no derivative in .* was prepared \(differentiate is "parameters"\)/);
        expect(() => tf.grad((t) => loss(t, images, "images"))(theta)).toThrow(NotDifferentiableError);
      });
    },
  );
});

describe("wrong input", () => {
  const network = createNetwork("convnet2-w4-batch", { inputShape: SHAPE, classes: 3 });
  const apply = (theta: number[], images: number[], options = {}) =>
    tf.tidy(() => {
      network.apply(
        tf.zeros(theta as [number]),
        tf.zeros(images as [number, number, number, number]),
        options,
      );
    });

  it("is named", () => {
    const count = network.parameterCount;
    expect(() => apply([7], [1, 8, 8, 3])).toThrow(ShapeError);
    expect(() => apply([7], [1, 8, 8, 3])).toThrow(
      `convnet2-w4-batch: theta must have shape [${count}], got [7]`,
    );
    expect(() => apply([count], [1, 3, 8, 8])).toThrow(
      "convnet2-w4-batch: images must have shape [N,8,8,3], got [1,3,8,8]",
    );
    expect(() => apply([count], [1, 8, 8, 3], { statistics: { mean: [], variance: [] } })).toThrow(
      "convnet2-w4-batch: statistics must have 2 means and variances, got 0 and 0",
    );
    expect(() => apply([count], [1, 8, 8, 3], { attentionPower: 0 })).toThrow(ConfigError);
    expect(() => apply([count], [1, 8, 8, 3], { attentionPower: 0 })).toThrow(
      "convnet2-w4-batch: attentionPower must be positive, got 0",
    );
  });
});
