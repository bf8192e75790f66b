import { foldIn, keyFromSeed, normal, type Network } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { median } from "./measure.ts";

const BATCH = 64;
const ROUNDS = 3;

/**
 * Multiply-adds a second that the back end in force reaches on forward passes of `network` with a gradient to the images:
 * the median of three rounds on 64 images after a warm-up. Forecasts of time divide by it.
 */
export async function measuredRate(network: Network): Promise<number> {
  const key = keyFromSeed("calibrate");
  const [height, width, channels] = network.inputShape;
  const theta = network.init(foldIn(key, "network"));
  const shape: [number, number, number, number] = [BATCH, height, width, channels];
  const images = tf.tensor4d(normal(foldIn(key, "images"), BATCH * height * width * channels), shape);
  const round = async (): Promise<number> => {
    const begin = performance.now();
    const gradient = tf.tidy(() =>
      tf.grad((x) =>
        tf.sum(tf.square(network.apply(theta, x as tf.Tensor4D, { differentiate: "images" }).embedding)),
      )(images),
    );
    await gradient.data();
    gradient.dispose();
    return (performance.now() - begin) / 1000;
  };
  try {
    await round();
    const seconds: number[] = [];
    for (let i = 0; i < ROUNDS; i++) seconds.push(await round());
    return (2 * BATCH * network.multiplyAdds) / median(seconds);
  } finally {
    tf.dispose([theta, images]);
  }
}
