import { precision, setPrecision, type NativePrecision } from "@limbeck/native";
import * as tf from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { gradientAlong } from "../grad/gradient-along.ts";
import { softmaxCrossEntropy } from "../grad/softmax-cross-entropy.ts";
import { availableBackEnds } from "../grad/testing/back-ends.ts";
import { foldIn, keyFromSeed } from "../random/key.ts";
import { normal } from "../random/draw.ts";
import { createNetwork } from "./create-network.ts";

/**
 * `high` against `highest`: minimal filtering costs some bits of every convolution, and no more. Of first derivatives and of
 * second ones, relative to the length of the whole array.
 */
const FIRST_RTOL = 1e-5;
const SECOND_RTOL = 2e-5;

const backEnds = await availableBackEnds();

it.skipIf(!backEnds.includes("native"))(
  "precision high gives convnet3 the outputs and derivatives of highest",
  async () => {
    await tf.setBackend("native");
    const before = precision();
    const tensors = tf.memory().numTensors;
    const network = createNetwork("convnet3", { inputShape: [32, 32, 3], classes: 10 });
    const key = keyFromSeed("precision");
    const results = (value: NativePrecision): Float32Array[] =>
      tf.tidy(() => {
        setPrecision(value);
        const theta = network.init(foldIn(key, "theta"));
        const images = tf.tensor4d(normal(foldIn(key, "images"), 4 * 3072), [4, 32, 32, 3]);
        const labels = tf.oneHot(tf.tensor1d([0, 3, 3, 9], "int32"), 10, 1, 0, "float32") as tf.Tensor2D;
        const direction = tf.tensor1d(normal(foldIn(key, "direction"), theta.size));
        const loss = (t: tf.Tensor, x: tf.Tensor, y: tf.Tensor) =>
          softmaxCrossEntropy(network.apply(t as tf.Tensor1D, x as tf.Tensor4D).logits, y as tf.Tensor2D);
        const [first, imagesFirst] = tf.grads((t, x) => loss(t!, x!, labels))([theta, images]);
        const along = gradientAlong(loss, theta, images, labels, direction);
        return [network.apply(theta, images).logits, first!, imagesFirst!, along.theta, along.images].map(
          (tensor) => tensor.dataSync() as Float32Array,
        ) as unknown as tf.TensorContainer;
      }) as unknown as Float32Array[];
    try {
      const [truth, found] = [results("highest"), results("high")];
      const errors = truth.map((values, i) => relativeDistance(found[i]!, values));
      expect(errors.every((error) => error > 0)).toBe(true); // else nothing was compared
      for (const error of errors.slice(0, 3)) expect(error).toBeLessThan(FIRST_RTOL);
      for (const error of errors.slice(3)) expect(error).toBeLessThan(SECOND_RTOL);
      expect(tf.memory().numTensors).toBe(tensors);
    } finally {
      setPrecision(before);
    }
  },
);

/** ‖found − truth‖ / ‖truth‖ */
function relativeDistance(found: Float32Array, truth: Float32Array): number {
  let [difference, size] = [0, 0];
  truth.forEach((value, i) => {
    difference += (found[i]! - value) ** 2;
    size += value ** 2;
  });
  return Math.sqrt(difference / size);
}
