import {
  batchMoments,
  createNetwork,
  foldIn,
  keyFromSeed,
  normal,
  oneHotLabels,
  softmaxCrossEntropy,
  useBackend,
  type Teacher,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { gvbsmConfigSchema } from "./config.ts";
import { generalisedLoss, type NamedVectors } from "./generalised-loss.ts";
import { patchMoments } from "./patch-moments.ts";

const RTOL = 1e-5;
const key = keyFromSeed(9);
const vector = (name: string, size: number) => tf.tensor1d(normal(foldIn(key, name), size));

beforeAll(async () => {
  await useBackend("cpu");
});

test("one block, written out: targets, first factor, the past in the value and not in the derivative", () => {
  const before = tf.memory().numTensors;
  const updated: Record<string, tf.Tensor1D> = {};
  tf.tidy(() => {
    const network = createNetwork("convnet1-w4-batch", { inputShape: [8, 8, 3], classes: 2 });
    const statistics = {
      mean: [vector("M", 4)],
      variance: [tf.add(tf.square(vector("V", 4)), 0.5) as tf.Tensor1D],
    };
    const teacher: Teacher = { network, theta: network.init(key), statistics };
    const images = tf.tensor4d(normal(foldIn(key, "images"), 2 * 192), [2, 8, 8, 3]);
    const labels = oneHotLabels([0, 1], 2);
    const names = { mean: 3, variance: 3, patchMean: 4, patchVariance: 4 };
    const named = (prefix: string): Record<string, tf.Tensor1D> =>
      Object.fromEntries(
        Object.entries(names).map(([name, size]) => [
          `convolution/0/${name}`,
          vector(`${prefix}${name}`, size),
        ]),
      );
    const real: NamedVectors = named("real");
    const running: NamedVectors = {
      ...named("past"),
      "normalisation/0/mean": vector("past mean", 4),
      "normalisation/0/variance": vector("past variance", 4),
    };
    const config = gvbsmConfigSchema.parse({
      ipc: 1,
      dropRate: 0,
      momentum: 0.75,
      statisticsWeight: 0.3,
      densityWeight: 0,
    });
    const loss = (x: tf.Tensor) =>
      generalisedLoss({ teacher, real, running, config, labels: [0, 1], updated })(
        x as tf.Tensor4D,
        labels,
        key,
      ).loss;

    /** The same loss with the past mixed in, as a function whose derivative is 1/(1 − m) times too small in the statistics. */
    const own = (x: tf.Tensor4D) => {
      const { logits, normalisationInputs } = network.apply(teacher.theta, x, {
        statistics,
        normalisationInputs: true,
      });
      const [channels, patches, inner] = [
        batchMoments(x),
        patchMoments(x),
        batchMoments(normalisationInputs![0]!),
      ];
      return {
        logits,
        vectors: [
          channels.mean,
          channels.variance,
          patches.mean,
          patches.variance,
          inner.mean,
          inner.variance,
        ],
      };
    };
    const past = [
      ...Object.values(named("past")),
      running["normalisation/0/mean"]!,
      running["normalisation/0/variance"]!,
    ];
    const targets = [...Object.values(real), statistics.mean[0]!, statistics.variance[0]!];
    const weights = [10, 10, 10, 10, 1, 1];
    const mixed = own(images).vectors.map((value, i) => tf.add(tf.mul(past[i]!, 0.75), tf.mul(value, 0.25)));
    const norms = mixed.map((value, i) => tf.norm(tf.sub(targets[i]!, value)).dataSync()[0]!);
    const total = norms.reduce((sum, value, i) => sum + 0.3 * weights[i]! * value, 0);
    const ce = softmaxCrossEntropy(own(images).logits, labels).dataSync()[0]!;
    expect(Math.abs(loss(images).dataSync()[0]! / (ce + total) - 1)).toBeLessThan(RTOL);

    // Derivative: along (s̄ − target)/‖s̄ − target‖ of the present statistics, in full.
    const linear = (x: tf.Tensor) => {
      const now = own(x as tf.Tensor4D);
      const pulls = now.vectors.map((value, i) =>
        tf.mul(tf.sum(tf.mul(value, tf.sub(mixed[i]!, targets[i]!))), (0.3 * weights[i]!) / norms[i]!),
      );
      return tf.add(softmaxCrossEntropy(now.logits, labels), tf.addN(pulls)) as tf.Scalar;
    };
    for (const name of Object.keys(updated)) updated[name]!.dispose();
    const [found, wanted] = [tf.grad(loss)(images), tf.grad(linear)(images)];
    const off = tf.max(tf.abs(tf.sub(found, wanted))).dataSync()[0]!;
    expect(off / tf.max(tf.abs(wanted)).dataSync()[0]!).toBeLessThan(RTOL);
    expect(updated["normalisation/0/mean"]!.dataSync()).toEqual(mixed[4]!.dataSync());
  });
  tf.dispose(updated);
  expect(tf.memory().numTensors).toBe(before);
});
