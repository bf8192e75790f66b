import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeFileBeside } from "../artifact/durable-file.ts";
import { encodeSafetensors, type SafetensorsTensor } from "../artifact/safetensors.ts";
import { batchMoments } from "../grad/batch-moments.ts";
import { gradientAlong } from "../grad/gradient-along.ts";
import { softmaxCrossEntropy } from "../grad/softmax-cross-entropy.ts";
import { availableBackEnds } from "../grad/testing/back-ends.ts";
import { createNetwork } from "../nn/create-network.ts";
import type { Network, NetworkStatistics } from "../nn/network.ts";
import { readNetworkWeights, weightTensors } from "./network-weights.ts";

/** float32 against PyTorch's float64, relative to the length of the gradient seen along a random direction. */
const F32_RTOL = 2e-4;
const F32_SECOND_RTOL = 2e-3;

interface Recorded {
  readonly side: number;
  readonly parameters: number;
  readonly shapes: Readonly<Record<string, number[]>>;
  readonly logits: number[][];
  readonly crossEntropy: number;
  readonly statistics: number;
  readonly imageGradient: { readonly length: number; readonly along: number };
  readonly batch: Readonly<
    Record<"loss" | "length" | "along" | "hessian" | "hessianLength" | "mixed" | "mixedLength", number>
  >;
}
const recorded = JSON.parse(
  readFileSync(new URL("../../fixtures/pytorch/published-networks.json", import.meta.url), "utf8"),
) as Readonly<Record<string, Recorded>>;

/** The generator's formula: numbers in (−1, 1) that both sides know. */
function noise(tensor: number, size: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => {
    const x = Math.sin(12.9898 * (i + 1) + 78.233 * (tensor + 1)) * 43758.5453;
    return 2 * (x - Math.floor(x)) - 1;
  });
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** The checkpoint of a recorded network: its parameters and statistics. */
function checkpoint({ shapes }: Recorded): Record<string, SafetensorsTensor> {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape], t) => {
      const u = noise(t, sizeOf(shape));
      const scale = shape.length > 1 ? Math.sqrt(4 / sizeOf(shape.slice(1))) : 1;
      const data = u.map((value) => {
        if (name.endsWith("running_var")) return 1 + 0.5 * value;
        if (name.endsWith("running_mean")) return 0.3 * value;
        if (shape.length > 1) return value * scale;
        return name.endsWith("weight") ? 1 + 0.3 * value : 0.2 * value;
      });
      return [name, { shape, data }];
    }),
  );
}

/** A direction in the space of the parameters, in the form of a checkpoint. */
function direction({ shapes }: Recorded, first: number): Record<string, SafetensorsTensor> {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape], t) => [
      name,
      {
        shape,
        data: name.endsWith("running_var")
          ? new Float32Array(sizeOf(shape))
          : noise(first + t, sizeOf(shape)),
      },
    ]),
  );
}

const folder = mkdtempSync(join(tmpdir(), "limbeck-weights-"));
afterAll(() => rmSync(folder, { recursive: true }));

function written(tensors: Record<string, SafetensorsTensor>, metadata: Record<string, string> = {}): string {
  const path = join(folder, "weights.safetensors");
  writeFileBeside(path, encodeSafetensors({ tensors, metadata }));
  return path;
}

function networkOf(name: string): Network {
  return createNetwork(name, { inputShape: [recorded[name]!.side, recorded[name]!.side, 3], classes: 3 });
}

/** `10·R₁ + Σ R_l`, R the distance of variances and of means. */
function statisticsDistance(
  inputs: readonly tf.Tensor4D[],
  { mean, variance }: NetworkStatistics,
): tf.Scalar {
  const terms = inputs.map((input, l) => {
    const found = batchMoments(input);
    const norm = (a: tf.Tensor, b: tf.Tensor) => tf.sqrt(tf.sum(tf.square(tf.sub(a, b))));
    const r = tf.add(norm(found.variance, variance[l]!), norm(found.mean, mean[l]!));
    return l === 0 ? tf.mul(r, 10) : r;
  });
  return tf.addN(terms) as tf.Scalar;
}

const backEnds = (await availableBackEnds()).filter((name) => name === "cpu" || name === "native");

describe.each(Object.keys(recorded))("%s from a checkpoint", (name) => {
  const truth = recorded[name]!;
  const network = networkOf(name);
  const { side } = truth;
  const image = (t: number): tf.Tensor4D => tf.tensor4d(noise(t, 4 * side * side * 3), [4, side, side, 3]);
  // Overlapping max pooling, in the stem for large images, has one derivative.
  const isTwiceDifferentiable = !name.includes("imagenet") || name.startsWith("mobilenet");
  // Plain JavaScript needs seconds for the large images.
  const tried = side > 8 ? backEnds.slice(-1) : backEnds;

  it.each(tried)("has PyTorch's outputs, statistics and derivatives on %s", async (backEnd) => {
    await tf.setBackend(backEnd);
    expect(network.name).toBe(name);
    expect(network.parameterCount).toBe(truth.parameters);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const { theta, statistics } = weightTensors(
        network,
        readNetworkWeights(network, written(checkpoint(truth))),
      );
      const labels = tf.tensor2d([1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0], [4, 3]);
      const x = image(1000);
      const close = (found: number, wanted: number, scale: number, rtol = F32_RTOL) =>
        expect(Math.abs(found - wanted) / scale).toBeLessThan(rtol);

      const parts = { crossEntropy: 0, statistics: 0 };
      const loss = (images: tf.Tensor): tf.Scalar => {
        const { logits, normalisationInputs } = network.apply(theta, images as tf.Tensor4D, {
          statistics,
          normalisationInputs: true,
          differentiate: "images",
        });
        const scale = Math.max(...truth.logits.flat().map(Math.abs));
        logits.dataSync().forEach((value, i) => close(value, truth.logits.flat()[i]!, scale));
        const ce = softmaxCrossEntropy(logits, labels);
        const r = statisticsDistance(normalisationInputs!, statistics);
        Object.assign(parts, { crossEntropy: ce.dataSync()[0], statistics: r.dataSync()[0] });
        return tf.add(ce, tf.mul(r, 0.01));
      };
      const gradient = tf.grad(loss)(x);
      close(parts.crossEntropy, truth.crossEntropy, truth.crossEntropy);
      close(parts.statistics, truth.statistics, truth.statistics);
      const { length, along } = truth.imageGradient;
      close(tf.norm(gradient).dataSync()[0]!, length, length);
      close(tf.sum(tf.mul(gradient, image(1001))).dataSync()[0]!, along, length);

      // Folded into the convolutions, the same scores.
      const folded = network.apply(theta, x, { statistics }).logits.dataSync();
      folded.forEach((value, i) => close(value, truth.logits.flat()[i]!, Math.max(1, Math.abs(value))));

      // Training: statistics of the batch, derivatives in the parameters.
      const vector = (first: number) =>
        tf.tensor1d(readNetworkWeights(network, written(direction(truth, first))).theta);
      const [v, w] = [vector(2000), vector(3000)];
      const training = (t: tf.Tensor, i: tf.Tensor, y: tf.Tensor) =>
        softmaxCrossEntropy(network.apply(t as tf.Tensor1D, i as tf.Tensor4D).logits, y as tf.Tensor2D);
      const { batch } = truth;
      const { value, grads } = tf.valueAndGrads(training)([theta, x, labels]);
      close(value.dataSync()[0]!, batch.loss, batch.loss);
      close(tf.sum(tf.mul(grads[0]!, v)).dataSync()[0]!, batch.along, batch.length, F32_SECOND_RTOL);
      if (!isTwiceDifferentiable) return;
      const second = gradientAlong(training, theta, x, labels, v);
      const hessian = tf.sum(tf.mul(second.theta, w)).dataSync()[0]!;
      close(hessian, batch.hessian, batch.hessianLength, F32_SECOND_RTOL);
      const mixed = tf.sum(tf.mul(second.images, image(1002))).dataSync()[0]!;
      close(mixed, batch.mixed, batch.mixedLength, F32_SECOND_RTOL);
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("readNetworkWeights", () => {
  const name = "resnet20-w4";
  const network = networkOf(name);
  let tensors: Record<string, SafetensorsTensor>;
  beforeAll(() => {
    tensors = checkpoint(recorded[name]!);
  });
  const refusal = (changed: Record<string, SafetensorsTensor>): string => {
    try {
      readNetworkWeights(network, written(changed));
    } catch (error) {
      return (error as Error).message.replace(folder, "");
    }
    throw new Error("the file was accepted");
  };

  it("takes checkpoints of wrapped models, counters of batches, and `linear` for the last layer", () => {
    const plain = readNetworkWeights(network, written(tensors, { classes: "a,b,c" }));
    expect(plain.metadata).toEqual({ classes: "a,b,c" });
    const counter = { shape: [], data: BigInt64Array.of(7n) };
    const wrapped = Object.fromEntries(
      [...Object.entries(tensors), ["bn1.num_batches_tracked", counter] as const].map(([key, tensor]) => [
        `module.${key.replace(/^fc/, "linear")}`,
        tensor,
      ]),
    );
    expect(readNetworkWeights(network, written(wrapped)).theta).toEqual(plain.theta);
  });

  it("names tensors that are missing, extra or mis-shaped, of another type, not finite, or a negative variance", () => {
    const { "bn1.running_mean": gone, ...without } = tensors;
    expect(refusal(without)).toMatchInlineSnapshot(
      `"/weights.safetensors: wanted the tensors of resnet20-w4, got a file without bn1.running_mean; give the network that it belongs to"`,
    );
    expect(refusal({ ...tensors, "layer4.0.conv1.weight": gone! })).toMatchInlineSnapshot(
      `"/weights.safetensors: wanted the tensors of resnet20-w4, got a file with layer4.0.conv1.weight, which it has not; give the network that it belongs to"`,
    );
    const wide = { shape: [4, 3, 5, 5], data: new Float32Array(300) };
    expect(refusal({ ...tensors, "conv1.weight": wide })).toMatchInlineSnapshot(
      `"/weights.safetensors: conv1.weight must have shape [4,3,3,3] for resnet20-w4, got [4,3,5,5]"`,
    );
    const double = { shape: [4], data: new Float64Array(4) };
    expect(refusal({ ...tensors, "bn1.weight": double })).toMatchInlineSnapshot(
      `"/weights.safetensors: bn1.weight must be float32, got Float64Array"`,
    );
    expect(
      refusal({ ...tensors, "bn1.weight": { shape: [4], data: Float32Array.of(1, NaN, 1, 1) } }),
    ).toMatchInlineSnapshot(`"/weights.safetensors: bn1.weight holds numbers that are not finite"`);
    expect(
      refusal({ ...tensors, "bn1.running_var": { shape: [4], data: Float32Array.of(1, -1, 1, 1) } }),
    ).toMatchInlineSnapshot(`"/weights.safetensors: bn1.running_var must not be negative: it is a variance"`);
  });

  it("refuses a file that is far too large before it reads it, one that ends early, and one that is not there", () => {
    const path = join(folder, "weights.safetensors");
    written(tensors);
    truncateSync(path, 2 ** 23);
    expect(() => readNetworkWeights(network, path)).toThrow("; it belongs to another network");
    written(tensors);
    truncateSync(path, 40_000);
    expect(() => readNetworkWeights(network, path)).toThrow("the file is damaged or not safetensors");
    expect(() => readNetworkWeights(network, join(folder, "none"))).toThrow("none: cannot be read: ENOENT");
  });

  it("refuses networks without a published naming", () => {
    const mlp = createNetwork("mlp-w8", { inputShape: [8, 8, 3], classes: 3 });
    expect(() => readNetworkWeights(mlp, "any")).toThrow(
      "mlp-w8: no published checkpoint naming is known for it; choose a ResNet, wide ResNet, ConvNet, MobileNet or ShuffleNet",
    );
  });
});

/** Real checkpoints, where this machine has them; the tests above do without. */
const teachers = fileURLToPath(new URL("../../../../../shared/data/teachers", import.meta.url));
describe.runIf(existsSync(teachers))(
  "the CIFAR-10 checkpoints that lie beside the repository (only where present)",
  () => {
    it.each([
      [20, 269_722],
      [56, 853_018],
    ])("ResNet-%d has %d parameters, all read", (depth, parameters) => {
      const network = createNetwork(`resnet${depth}`, { inputShape: [32, 32, 3], classes: 10 });
      expect(network.parameterCount).toBe(parameters);
      const { theta, variance, metadata } = readNetworkWeights(
        network,
        join(teachers, `cifar10-resnet${depth}.safetensors`),
      );
      expect(theta.some((value) => value !== 0)).toBe(true);
      expect(variance.every((value) => value >= 0)).toBe(true);
      expect(metadata).toMatchObject({ mean: "0.485,0.456,0.406", std: "0.229,0.224,0.225" });
    });
  },
);
