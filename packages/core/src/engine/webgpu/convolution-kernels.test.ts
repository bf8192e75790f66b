import * as tf from "@tensorflow/tfjs-core";
import { afterEach, describe, expect, test } from "vitest";
import { normal } from "../../random/draw.ts";
import { foldIn, keyFromSeed } from "../../random/key.ts";
import { startWebgpu } from "../../testing/start-webgpu.ts";
import { relativeError } from "../self-test.ts";
import { setConvolutionOperands } from "./convolution-kernels.ts";
import type { GpuDevice } from "./dawn.ts";
import type { Operands } from "./product-source.ts";

/** Operands of 11 bits and four roundings of a sum, which SwiftShader cuts off. */
const HALF_TOLERANCE = 2e-3;

const reason = await startWebgpu();

/** Real halves where the device has them, else the same roundings in float32. */
function halfOperands(): Operands {
  const { device } = tf.backend() as unknown as { device: GpuDevice };
  return device.features.has("shader-f16") ? "half" : "half-emulated";
}

interface Case {
  readonly name: string;
  readonly x: readonly [number, number, number, number];
  readonly filter: readonly [number, number, number, number];
  readonly stride?: number | [number, number];
  readonly pad?: tf.Conv2DAttrs["pad"];
}

const CASES: readonly Case[] = [
  { name: "3×3", x: [2, 8, 8, 16], filter: [3, 3, 16, 32] },
  { name: "5×5 on few channels", x: [3, 9, 7, 1], filter: [5, 5, 1, 6], pad: 2 },
  { name: "stride 2", x: [2, 9, 9, 20], filter: [3, 3, 20, 20], stride: 2 },
  { name: "unequal strides", x: [1, 8, 10, 4], filter: [3, 2, 4, 17], stride: [2, 1], pad: "valid" },
  { name: "uneven padding", x: [2, 5, 6, 16], filter: [3, 3, 16, 16], pad: [[0, 0], [1, 0], [0, 2], [0, 0]] }, // prettier-ignore
  { name: "1×1, many columns", x: [1, 3, 3, 70], filter: [1, 1, 70, 130] },
  { name: "a depth worth slices", x: [5, 20, 20, 3], filter: [3, 3, 3, 16] },
];

function drawn(name: string, shape: readonly number[], scale = 1): tf.Tensor4D {
  const values = normal(foldIn(keyFromSeed(4), name), tf.util.sizeFromShape([...shape]));
  return tf.tensor4d(
    values.map((value) => value * scale),
    [...shape] as [number, number, number, number],
  );
}

/** The convolution and its two transposes, computed on the back end in force. */
function products(c: Case, scale = 1): Float32Array[] {
  return tf.tidy(() => {
    const attrs = { strides: c.stride ?? 1, pad: c.pad ?? "same", dataFormat: "NHWC", dilations: 1 };
    const run = (name: string, inputs: tf.NamedTensorMap, more: object = {}): tf.Tensor =>
      tf.engine().runKernel(name, inputs, { ...attrs, ...more } as unknown as tf.NamedAttrMap);
    const x = drawn("x", c.x, scale);
    const filter = drawn("filter", c.filter);
    const y = run(tf.Conv2D, { x, filter });
    const dy = drawn("dy", y.shape, scale);
    return [
      y,
      run(tf.Conv2DBackpropInput, { dy, filter }, { inputShape: x.shape }),
      run(tf.Conv2DBackpropFilter, { x, dy }, { filterShape: filter.shape }),
    ].map((tensor) => Float32Array.from(tensor.dataSync()));
  });
}

async function truth(c: Case, scale = 1): Promise<Float32Array[]> {
  await tf.setBackend("cpu");
  const found = products(c, scale);
  await tf.setBackend("webgpu");
  return found;
}

/** The largest of the three products' errors. */
function worst(found: readonly Float32Array[], wanted: readonly Float32Array[]): number {
  return Math.max(...found.map((values, i) => relativeError(values, wanted[i]!)));
}

describe.skipIf(reason !== undefined)(`convolutions on WebGPU (${reason ?? "found"})`, () => {
  afterEach(() => {
    setConvolutionOperands("float32");
  });

  test.each(CASES)("$name: float32", async (c) => {
    expect(worst(products(c), await truth(c))).toBeLessThan(1e-6);
  });

  test.each(CASES.filter(({ filter }) => filter[3] >= 16).slice(0, 4))(
    "$name: half-precision operands are within their rounding",
    async (c) => {
      setConvolutionOperands(halfOperands());
      const error = worst(products(c), await truth(c));
      expect(error).toBeLessThan(HALF_TOLERANCE);
      expect(error).toBeGreaterThan(1e-5);
    },
  );

  test("numbers far beyond a half's range are scaled", async () => {
    const c = CASES[0]!;
    setConvolutionOperands(halfOperands());
    for (const scale of [1e-15, 1e12]) {
      expect(worst(products(c, scale), await truth(c, scale))).toBeLessThan(HALF_TOLERANCE);
    }
    const zeros = products(c, 0);
    expect(zeros.every((values) => values.every((value) => value === 0))).toBe(true);
  });

  test("dilated convolutions stay tfjs's", async () => {
    setConvolutionOperands(halfOperands());
    const dilated = (): Float32Array =>
      tf.tidy(() =>
        Float32Array.from(
          tf.conv2d(drawn("x", [2, 9, 9, 16]), drawn("f", [3, 3, 16, 16]), 1, "same", "NHWC", 2).dataSync(),
        ),
      );
    const found = dilated();
    await tf.setBackend("cpu");
    const wanted = dilated();
    await tf.setBackend("webgpu");
    expect(relativeError(found, wanted)).toBeLessThan(1e-6);
  });
});
