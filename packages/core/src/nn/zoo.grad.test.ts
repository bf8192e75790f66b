import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { gradientAlong } from "../grad/gradient-along.ts";
import { softmaxCrossEntropy } from "../grad/softmax-cross-entropy.ts";
import { availableBackEnds } from "../grad/testing/back-ends.ts";
import { normal } from "../random/draw.ts";
import { foldIn, keyFromSeed } from "../random/key.ts";
import { startWebgpu } from "../testing/start-webgpu.ts";
import { createNetwork } from "./create-network.ts";
import type { NetworkStatistics } from "./network.ts";
import { centralDifference, mixedDifference } from "./testing/differences.ts";
import {
  referenceCrossEntropy,
  referenceForward,
  type ReferenceOutput,
} from "./testing/reference-float64.ts";

/** float32 back ends against float64 differences, relative to the gradient's expected share along a random direction. */
const F32_FIRST_RTOL = 1e-4;
const F32_SECOND_RTOL = 5e-4;

const CLASSES = 3;
const IMAGES = 2;

/** Small members of every family that between them have every option. */
const NETWORKS: readonly (readonly [
  name: string,
  shape: readonly [number, number, number],
  statistics?: "fixed",
])[] = [
  ["convnet3-w4", [8, 8, 3]],
  ["convnet3-w4", [28, 28, 1]],
  ["convnet2-w4", [9, 9, 5]],
  ["convnet2-w4-gap", [8, 8, 3]],
  ["convnet2-w4-batch", [8, 8, 3]],
  ["convnet2-w4-batch", [8, 8, 3], "fixed"],
  ["convnet2-w4-layer", [8, 8, 3]],
  ["convnet2-w8-group", [8, 8, 3]],
  ["convnet2-w4-nonorm", [8, 8, 3]],
  ["convnet2-w4-maxpool", [8, 8, 3]],
  ["convnet2-w4-nopool", [6, 6, 3]],
  ["convnet2-w4-leakyrelu", [8, 8, 3]],
  ["convnet2-w4-sigmoid", [8, 8, 3]],
  ["convnet2-w4-swish", [8, 8, 3]],
  ["convnet2-w4-identity", [8, 8, 3]],
  ["convnet2-w4-batch-maxpool-swish", [8, 8, 3]],
  ["convnet2-w4-layer-maxpool-leakyrelu", [8, 8, 3]],
  ["mlp-w8", [6, 6, 3]],
  ["lenet", [16, 16, 3]],
  ["lenet", [28, 28, 1]],
  ["alexnet-w8", [8, 8, 3]],
  ["alexnet-w8-batch", [8, 8, 3]],
  ["alexnet-w8-instance-gap", [16, 16, 1]],
  ["vgg11-w2", [32, 32, 3]],
  ["vgg11-w2", [28, 28, 1]],
  ["vgg11-w2-batch", [32, 32, 3]],
  ["resnet18-w2", [16, 16, 3]],
  ["resnet18-w2-batch", [16, 16, 3]],
  ["resnet18-w2-batch", [8, 8, 3], "fixed"],
  ["resnet18-w2-gap", [12, 12, 3]],
  ["vit2-w8", [16, 16, 3]],
  ["vit1-w64", [8, 8, 1]],
  ["resnet18-ap-w2", [16, 16, 3]],
  ["resnet18-ap-w2-batch", [16, 16, 3]],
];

/** float64 copies of float32 numbers, so that both sides see the same point. */
function draw(seed: string, size: number, scale = 1): Float64Array {
  return Float64Array.from(normal(foldIn(keyFromSeed(7), seed), size), (value) => Math.fround(value * scale));
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function length(a: ArrayLike<number>): number {
  return Math.sqrt(dot(a, a));
}

function moved(x: Float64Array, direction: Float64Array, step: number): Float64Array {
  return x.map((value, i) => value + step * direction[i]!);
}

/** |found − true| relative to what a random direction sees of a gradient of this length. */
function directionalError(gradient: ArrayLike<number>, direction: Float64Array, truth: number): number {
  return Math.abs(dot(gradient, direction) - truth) / Math.max(length(gradient), 1e-3);
}

/** One network at one random point, and its float64 loss near that point (on the same side of every kink). */
function problem(name: string, shape: readonly [number, number, number], isFixed: boolean) {
  const network = createNetwork(name, { inputShape: shape, classes: CLASSES });
  const theta = Float64Array.from(tf.tidy(() => network.init(keyFromSeed(3)).dataSync()));
  // Norm parameters away from their start, so that their derivatives are seen to be right in general.
  const point = moved(theta, draw("jitter", theta.length, 0.05), 1).map(Math.fround);
  const images = draw("images", IMAGES * shape[0] * shape[1] * shape[2]);
  const labels = Float64Array.from([1, 0, 0, 0.25, 0.25, 0.5]);
  // Statistics of another batch.
  const given = isFixed
    ? {
        statistics: referenceForward(name, shape, CLASSES, point, draw("other images", images.length))
          .statistics,
      }
    : {};
  const { decisions } = referenceForward(name, shape, CLASSES, point, images, given);
  const options = { ...given, decisions };
  const loss = (t: Float64Array, x: Float64Array, y: Float64Array) =>
    referenceCrossEntropy(referenceForward(name, shape, CLASSES, t, x, options).logits, y, CLASSES);
  return { network, point, images, labels, loss, statistics: options.statistics };
}

/** Statistics as the network takes them. */
function fixedStatistics(statistics: ReferenceOutput["statistics"]): NetworkStatistics {
  const vectors = (key: "mean" | "variance") =>
    statistics.map((layer) => tf.tensor1d(Float32Array.from(layer[key])));
  return { mean: vectors("mean"), variance: vectors("variance") };
}

const backEnds = await availableBackEnds();
const withoutWebgpu = await startWebgpu();

it("is tried on webgpu", ({ skip }) => {
  if (withoutWebgpu !== undefined) skip(withoutWebgpu);
});

/** Tried on WebGPU too, which is slow on a software device: every kind of layer between them. */
const ON_WEBGPU: ReadonlySet<string> = new Set([
  "convnet3-w4 on 8x8x3",
  "convnet2-w4-layer-maxpool-leakyrelu on 8x8x3",
  "lenet on 16x16x3",
  "vit2-w8 on 16x16x3",
]);

const CASES = NETWORKS.map(
  ([name, shape, statistics]) =>
    [
      `${name} on ${shape.join("x")}${statistics === "fixed" ? ", fixed statistics" : ""}`,
      name,
      shape,
      statistics,
    ] as const,
);

describe.each(CASES)("%s", (title, name, shape, fixed) => {
  const { network, point, images, labels, loss, statistics } = problem(name, shape, fixed === "fixed");
  const v = draw("v", point.length);
  const w = draw("w", point.length);
  const d = draw("d", images.length);
  const e = draw("e", labels.length);
  const truth = {
    value: loss(point, images, labels),
    theta: centralDifference((h) => loss(moved(point, w, h), images, labels)),
    images: centralDifference((h) => loss(point, moved(images, d, h), labels)),
    hessian: mixedDifference((h, k) => loss(moved(moved(point, v, h), w, k), images, labels)),
    mixedImages: mixedDifference((h, k) => loss(moved(point, v, h), moved(images, d, k), labels)),
    mixedLabels: mixedDifference((h, k) => loss(moved(point, v, h), images, moved(labels, e, k))),
  };

  // The kernels of `reference` are those of `cpu` but for the fused block, which small ConvNets show.
  const tried = backEnds.filter((backEnd) => backEnd !== "reference" || name.startsWith("convnet"));
  const onWebgpu = withoutWebgpu === undefined && ON_WEBGPU.has(title) ? ["webgpu"] : [];
  it.each([...tried, ...onWebgpu])("has first and second derivatives on %s", async (backEnd) => {
    await tf.setBackend(backEnd);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const theta = tf.tensor1d(Float32Array.from(point));
      const x = tf.tensor4d(Float32Array.from(images), [IMAGES, ...shape]);
      const y = tf.tensor2d(Float32Array.from(labels), [IMAGES, CLASSES]);
      const options = statistics === undefined ? {} : { statistics: fixedStatistics(statistics) };
      const along = (seed: Float64Array) => tf.tensor1d(Float32Array.from(seed));
      const f = (t: tf.Tensor, i: tf.Tensor, l: tf.Tensor) =>
        softmaxCrossEntropy(
          network.apply(t as tf.Tensor1D, i as tf.Tensor4D, options).logits,
          l as tf.Tensor2D,
        );

      const { value, grads } = tf.valueAndGrads(f)([theta, x, y]);
      expect(Math.abs(value.dataSync()[0]! / truth.value - 1)).toBeLessThan(F32_FIRST_RTOL);
      expect(directionalError(grads[0]!.dataSync(), w, truth.theta)).toBeLessThan(F32_FIRST_RTOL);
      expect(directionalError(grads[1]!.dataSync(), d, truth.images)).toBeLessThan(F32_FIRST_RTOL);

      const second = gradientAlong(f, theta, x, y, along(v));
      expect(directionalError(grads[0]!.dataSync(), v, second.value.dataSync()[0]!)).toBeLessThan(
        F32_FIRST_RTOL,
      );
      const hv = second.theta.dataSync();
      expect(directionalError(hv, w, truth.hessian)).toBeLessThan(F32_SECOND_RTOL);
      expect(directionalError(second.images.dataSync(), d, truth.mixedImages)).toBeLessThan(F32_SECOND_RTOL);
      expect(directionalError(second.labels.dataSync(), e, truth.mixedLabels)).toBeLessThan(F32_SECOND_RTOL);

      const hw = gradientAlong(f, theta, x, y, along(w)).theta.dataSync();
      expect(Math.abs(dot(hv, w) - dot(hw, v))).toBeLessThan(
        F32_SECOND_RTOL * Math.max(length(hv), length(hw)),
      );
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});
