import * as tf from "@tensorflow/tfjs-core";
import { convBlock } from "../grad/conv-block.ts";
import { ensureGradients } from "../grad/ensure-gradients.ts";
import { normal } from "../random/draw.ts";
import { foldIn, keyFromSeed } from "../random/key.ts";
import type { BackendName } from "./backend-name.ts";
import { firstLine } from "./driver.ts";
import { drivers } from "./drivers.ts";
import type { EngineSettings } from "./settings.ts";

/** What a back end computes against plain JavaScript, and how fast it convolves. */
export interface SelfTestReport {
  /** Both derivatives within `tolerance`. */
  readonly passed: boolean;
  /** ‖g − g₀‖ / ‖g₀‖ of the gradient in images and filters, g₀ from `cpu`. */
  readonly firstDerivativeError: number;
  /** The same of the gradient of ⟨∇filters loss, v⟩ in the images. */
  readonly secondDerivativeError: number;
  readonly tolerance: number;
  /** Rate of a 3×3 convolution, 128 → 128 channels on 16×16, in 10⁹ floating-point operations a second. */
  readonly gigaflops: number;
  /** Why it could not run, else null. */
  readonly failure: string | null;
}

/** Sums of a few hundred float32 products in another order, twice through a normalisation. */
const F32_TOLERANCE = 1e-4;
/** TensorFloat-32 and float16 keep 11 bits, bfloat16 8: each derivative passes through some ten roundings of that size. */
const HALF_TOLERANCE = 1e-2;
const BF16_TOLERANCE = 1e-1;

const BLOCK = {
  stride: 1,
  pad: 1,
  norm: "group",
  groups: 4,
  epsilon: 1e-5,
  activation: "leakyrelu",
  slope: 0.1,
  pool: "average",
  poolSize: 2,
  attentionPower: 0,
} as const;

/** Runs on the back end `name`, which becomes the one in force. Never throws. */
export async function selfTest(name: BackendName, settings: EngineSettings): Promise<SelfTestReport> {
  try {
    const truth = await derivativesOn("cpu", settings);
    const found = await derivativesOn(name, settings);
    const availability = await drivers[name].probe(settings);
    const arithmetic = availability.available ? availability.arithmetic[settings.precision] : "";
    const tolerance = toleranceOf(arithmetic);
    const firstDerivativeError = relativeError(found.first, truth.first);
    const secondDerivativeError = relativeError(found.second, truth.second);
    return {
      passed: firstDerivativeError <= tolerance && secondDerivativeError <= tolerance,
      firstDerivativeError,
      secondDerivativeError,
      tolerance,
      gigaflops: await convolutionRate(),
      failure: null,
    };
  } catch (error) {
    return {
      passed: false,
      firstDerivativeError: NaN,
      secondDerivativeError: NaN,
      tolerance: NaN,
      gigaflops: NaN,
      failure: firstLine(error),
    };
  }
}

function toleranceOf(arithmetic: string): number {
  if (arithmetic.endsWith("bfloat16")) return BF16_TOLERANCE;
  return arithmetic === "tf32" || arithmetic.endsWith("/float16") ? HALF_TOLERANCE : F32_TOLERANCE;
}

/** ‖found − truth‖ / ‖truth‖; NaN where anything found is not a number. */
export function relativeError(found: Float32Array, truth: Float32Array): number {
  let difference = 0;
  let size = 0;
  truth.forEach((value, i) => {
    difference += ((found[i] ?? NaN) - value) ** 2;
    size += value ** 2;
  });
  return Math.sqrt(difference / size);
}

interface Derivatives {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

/** Gradients of a two-block network's mean square output, and of the inner product of the filters' part with fixed numbers. */
async function derivativesOn(name: BackendName, settings: EngineSettings): Promise<Derivatives> {
  drivers[name].prepare(settings);
  if (!(await tf.setBackend(name))) throw new Error(`back end ${name} does not start`);
  ensureGradients();
  const results = tf.tidy(() => {
    const x = drawn(0, [2, 8, 8, 3]);
    const filters = [drawn(1, [3, 3, 3, 4]), drawn(2, [3, 3, 4, 8])];
    const directions = [drawn(3, [3, 3, 3, 4]), drawn(4, [3, 3, 4, 8])];
    const loss = (...[images, ...parameters]: tf.Tensor[]): tf.Scalar =>
      tf.mean(tf.square(network(images!, parameters)));
    const first = tf.grads(loss)([x, ...filters]);
    const second = tf.grad((images) => {
      const gradients = tf.grads((...parameters: tf.Tensor[]) => loss(images, ...parameters))(filters);
      return tf.addN(gradients.map((gradient, i) => tf.sum(tf.mul(gradient, directions[i]!))));
    })(x);
    return [tf.concat(first.map((gradient) => tf.reshape(gradient, [-1]))), tf.reshape(second, [-1])];
  });
  try {
    const [first, second] = await Promise.all(results.map((result) => result.data<"float32">()));
    return { first: Float32Array.from(first!), second: Float32Array.from(second!) };
  } finally {
    tf.dispose(results);
  }
}

function network(images: tf.Tensor, filters: readonly tf.Tensor[]): tf.Tensor {
  let x = images;
  for (const filter of filters) {
    const channels = filter.shape[3]!;
    const inputs = { x: x as tf.Tensor4D, filter: filter as tf.Tensor4D };
    x = convBlock({ ...inputs, gamma: tf.ones([channels]), beta: tf.zeros([channels]) }, BLOCK).pooled;
  }
  return x;
}

function drawn(which: number, shape: number[]): tf.Tensor {
  return tf.tensor(normal(foldIn(keyFromSeed(20), which), tf.util.sizeFromShape(shape)), shape);
}

const SIDE = 16;
const CHANNELS = 128;
const FLOPS_PER_IMAGE = 2 * SIDE * SIDE * 9 * CHANNELS * CHANNELS;
/** A run this long is timed well enough. */
const LONG_ENOUGH_MS = 200;
const LARGEST_BATCH = 256;

/** Doubles the batch until a run is long enough; the best of three runs counts. */
async function convolutionRate(): Promise<number> {
  const filter = drawn(5, [3, 3, CHANNELS, CHANNELS]) as tf.Tensor4D;
  try {
    for (let batch = 1; ; batch *= 4) {
      const x = tf.ones([batch, SIDE, SIDE, CHANNELS]) as tf.Tensor4D;
      try {
        const first = await timeConvolution(x, filter);
        if (first < LONG_ENOUGH_MS && batch < LARGEST_BATCH) continue;
        const best = Math.min(first, await timeConvolution(x, filter), await timeConvolution(x, filter));
        return (batch * FLOPS_PER_IMAGE) / best / 1e6;
      } finally {
        x.dispose();
      }
    }
  } finally {
    filter.dispose();
  }
}

async function timeConvolution(x: tf.Tensor4D, filter: tf.Tensor4D): Promise<number> {
  const start = performance.now();
  const y = tf.conv2d(x, filter, 1, "same");
  await y.data();
  const milliseconds = performance.now() - start;
  y.dispose();
  return milliseconds;
}
