import * as tf from "@tensorflow/tfjs-core";
import { ensureGradients } from "../grad/ensure-gradients.ts";
import { loadTensorflowPackage } from "./load-tensorflow-package.ts";

/** Loads the package `argv[2]` with the binding `argv[3]` and prints what {@link BindingCheck} says, as one JSON line. */
const [entry, binding] = process.argv.slice(2) as [string, string];
process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "3";
process.env["NVIDIA_TF32_OVERRIDE"] ??= "0";
loadTensorflowPackage({ entry }, binding);
await tf.ready();
ensureGradients();

const image = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]);
const filter = tf.ones<tf.Rank.R4>([2, 2, 1, 1]);
const [inImage, inFilter] = tf.grads((x, w) =>
  tf.sum(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "valid")),
)([image, filter]);
const product = tf.matMul([[1, 2], [3, 4]], [[5, 6], [7, 8]]); // prettier-ignore

/** Results and what they are by hand. */
const pairs: readonly (readonly [tf.Tensor, readonly number[]])[] = [
  [product, [19, 22, 43, 50]],
  // How many windows of 2×2 see each pixel.
  [inImage!, [1, 2, 1, 2, 4, 2, 1, 2, 1]],
  // Sums of the pixels that each weight meets.
  [inFilter!, [12, 16, 24, 28]],
];
const differences = pairs.flatMap(([tensor, known]) => {
  const found = tensor.dataSync();
  return known.map((value, i) => Math.abs(value - (found[i] ?? NaN)));
});
const backend = tf.findBackend("tensorflow") as unknown as {
  readonly isUsingGpuDevice: boolean;
  readonly binding: { readonly TF_Version: string };
};
const error = differences.some(Number.isNaN) ? Infinity : Math.max(...differences);
const check = {
  version: backend.binding.TF_Version,
  gpu: backend.isUsingGpuDevice,
  error: Math.min(error, Number.MAX_VALUE),
};
process.stdout.write(`${JSON.stringify(check)}\n`);
