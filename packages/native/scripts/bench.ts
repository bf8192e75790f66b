// Speed of the native back end through tfjs's interface: GFLOP/s of products and convolutions, GB/s of the other kernels.
//   npx tsx packages/native/scripts/bench.ts [name filter] [runs]
import * as tf from "@tensorflow/tfjs-core";
import {
  isa,
  nativeMemory,
  precision,
  registerNativeBackend,
  setPrecision,
  threadCount,
} from "../src/index.ts";

const filter = process.argv[2] ?? "";
const runs = Number(process.argv[3] ?? 7);

registerNativeBackend();
await tf.setBackend("native");
const wanted = process.env["LIMBECK_PRECISION"];
if (wanted === "highest" || wanted === "high" || wanted === "default") setPrecision(wanted);
console.log(`${isa()}, ${precision()}, ${threadCount()} threads; best and median of ${runs} runs`);

function bench(name: string, work: number, unit: string, run: () => unknown): void {
  if (!name.includes(filter)) return;
  const times: number[] = [];
  for (let i = 0; i < runs + 1; i++) {
    const start = performance.now();
    tf.tidy(() => void run());
    if (i > 0) times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const [best, median] = [times[0]!, times[times.length >> 1]!];
  const rate = (ms: number) => (work / ms / 1e6).toFixed(1).padStart(7);
  console.log(`${name.padEnd(34)}${best.toFixed(3).padStart(9)} ms ${rate(best)} ${rate(median)} ${unit}`);
}

const kernel = (name: string, inputs: Record<string, tf.Tensor>, attrs: Record<string, unknown>) =>
  tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap);

const [n, h, c] = [256, 16, 128];
const x = tf.randomNormal([n, h, h, c]) as tf.Tensor4D;
const w = tf.randomNormal([3, 3, c, c]) as tf.Tensor4D;
const conv = { strides: 1, pad: "same", dataFormat: "NHWC", dilations: 1 };
const flops = 2 * n * h * h * c * c * 9;
bench("conv2d", flops, "GFLOP/s", () => tf.conv2d(x, w, 1, "same"));
bench("conv2d backward in x", flops, "GFLOP/s", () =>
  kernel("Conv2DBackpropInput", { dy: x, filter: w }, { ...conv, inputShape: x.shape }),
);
bench("conv2d backward in filter", flops, "GFLOP/s", () =>
  kernel("Conv2DBackpropFilter", { x, dy: x }, { ...conv, filterShape: w.shape }),
);
const image = tf.randomNormal([n, 32, 32, 3]) as tf.Tensor4D;
const first = tf.randomNormal([3, 3, 3, c]) as tf.Tensor4D;
bench("conv2d 3 channels", 2 * n * 1024 * 27 * c, "GFLOP/s", () => tf.conv2d(image, first, 1, "same"));
const a = tf.randomNormal([1024, 1024]) as tf.Tensor2D;
bench("matMul 1024", 2 * 1024 ** 3, "GFLOP/s", () => tf.matMul(a, a));

const bytes = x.size * 4;
const row = tf.ones([c]);
const perImage = tf.ones([n, 1, 1, c]);
const elementwise: [string, number, () => tf.Tensor][] = [
  ["add", 3, () => tf.add(x, x)],
  ["add scalar", 2, () => tf.add(x, 1)],
  ["add [C]", 2, () => tf.add(x, row)],
  ["mul [N,1,1,C]", 2, () => tf.mul(x, perImage)],
  ["mul [N,1]", 2, () => tf.mul(tf.reshape(x, [n, -1]), tf.reshape(tf.slice(row, 0, 1), [1, 1]))],
  ["add, 4 columns", 2, () => tf.add(tf.reshape(x, [-1, 4]), tf.ones([4]))],
  ["relu", 2, () => tf.relu(x)],
  ["greater", 1.25, () => tf.greater(x, 0)],
  ["exp", 2, () => tf.exp(x)],
  ["log", 2, () => tf.log(x)],
  ["tanh", 2, () => tf.tanh(x)],
  ["pow 4", 2, () => tf.pow(x, 4)],
  ["pow 2.5", 2, () => tf.pow(x, 2.5)],
  ["sum all", 1, () => tf.sum(x)],
  ["sum over H, W", 1, () => tf.sum(x, [1, 2])],
  ["sum over N, H, W", 1, () => tf.sum(x, [0, 1, 2])],
  ["sum over C", 1, () => tf.sum(x, 3)],
  ["max over C", 1, () => tf.max(x, 3)],
  ["softmax of 16", 2, () => tf.softmax(tf.reshape(x, [-1, 16]))],
  ["transpose to NCHW", 2, () => tf.transpose(x, [0, 3, 1, 2])],
  ["slice", 1.5, () => tf.slice(x, [0, 1, 1, 0], [n, h - 2, h - 2, c])],
  ["avgPool 2", 1.25, () => tf.avgPool(x, 2, 2, "valid")],
  ["maxPool 2", 1.25, () => tf.maxPool(x, 2, 2, "valid")],
];
for (const [name, factor, run] of elementwise) bench(name, factor * bytes, "GB/s", run);
const small = tf.ones([10]);
bench("add of 10 elements (overhead)", 120, "GB/s", () => tf.add(small, small));
const { liveBytes, pooledBytes, scratchBytes, peakBytes } = nativeMemory();
const mib = (value: number) => `${(value / 2 ** 20).toFixed(1)} MiB`;
console.log(
  `live ${mib(liveBytes)}, pooled ${mib(pooledBytes)}, work areas ${mib(scratchBytes)}, peak ${mib(peakBytes)}`,
);
