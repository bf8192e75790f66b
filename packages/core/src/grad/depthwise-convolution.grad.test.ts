import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { normal } from "../random/draw.ts";
import { foldIn, keyFromSeed } from "../random/key.ts";
import { depthwiseConvolution } from "./depthwise-convolution.ts";
import { availableBackEnds } from "./testing/back-ends.ts";

/** float32 sums of a few hundred products. */
const F32_RTOL = 1e-5;
const [N, C, SIZE] = [2, 3, 3];

function draw(name: string, size: number): Float32Array {
  return normal(foldIn(keyFromSeed(21), name), size);
}

/** ⟨y, t⟩ in plain float64 loops: linear in x, filter and t. */
function form(x: Float32Array, filter: Float32Array, t: Float32Array, geometry: Geometry): number {
  const { height, width, stride, pad } = geometry;
  const [oh, ow] = outputOf(geometry);
  let sum = 0;
  for (let n = 0; n < N; n++)
    for (let i = 0; i < oh; i++)
      for (let j = 0; j < ow; j++)
        for (let a = 0; a < SIZE; a++)
          for (let b = 0; b < SIZE; b++) {
            const [row, column] = [stride * i + a - pad, stride * j + b - pad];
            if (row < 0 || row >= height || column < 0 || column >= width) continue;
            for (let c = 0; c < C; c++) {
              const pixel = x[((n * height + row) * width + column) * C + c]!;
              sum += pixel * filter[(a * SIZE + b) * C + c]! * t[((n * oh + i) * ow + j) * C + c]!;
            }
          }
  return sum;
}

interface Geometry {
  readonly height: number;
  readonly width: number;
  readonly stride: number;
  readonly pad: number;
}

function outputOf({ height, width, stride, pad }: Geometry): [number, number] {
  const count = (length: number): number => Math.floor((length + 2 * pad - SIZE) / stride) + 1;
  return [count(height), count(width)];
}

const GEOMETRIES: readonly Geometry[] = [
  { height: 6, width: 5, stride: 1, pad: 1 },
  { height: 6, width: 7, stride: 2, pad: 1 },
  { height: 5, width: 6, stride: 2, pad: 0 },
  { height: 1, width: 2, stride: 2, pad: 1 },
];
const backEnds = await availableBackEnds();

describe.each(GEOMETRIES)(
  "depthwise convolution of $height x $width, stride $stride, pad $pad",
  (geometry) => {
    it.each(backEnds)("and its derivatives are one trilinear form on %s", async (backEnd) => {
      await tf.setBackend(backEnd);
      const { height, width } = geometry;
      const [oh, ow] = outputOf(geometry);
      const [x, filter, t] = [
        draw("x", N * height * width * C),
        draw("w", SIZE * SIZE * C),
        draw("t", N * oh * ow * C),
      ];
      const [u, v] = [draw("u", x.length), draw("v", filter.length)];
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const image = (values: Float32Array) => tf.tensor4d(values, [N, height, width, C]);
        const weights = (values: Float32Array) => tf.tensor3d(values, [SIZE, SIZE, C]);
        const upstream = tf.tensor4d(t, [N, oh, ow, C]);
        const value = (a: tf.Tensor, b: tf.Tensor) =>
          tf.sum(
            tf.mul(depthwiseConvolution(a as tf.Tensor4D, b as tf.Tensor3D, geometry), upstream),
          ) as tf.Scalar;
        const scale = Math.sqrt(x.length * SIZE * SIZE);
        const close = (found: tf.Tensor, wanted: number) =>
          expect(Math.abs(found.dataSync()[0]! - wanted) / scale).toBeLessThan(F32_RTOL);
        const dot = (a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.mul(a, b));
        close(value(image(x), weights(filter)), form(x, filter, t, geometry));
        const [dx, dw] = tf.grads(value)([image(x), weights(filter)]) as [tf.Tensor, tf.Tensor];
        close(dot(dx, image(u)), form(u, filter, t, geometry));
        close(dot(dw, weights(v)), form(x, v, t, geometry));
        // The derivative along u in the image, once more along v in the filter, and the other way round.
        const alongImage = (b: tf.Tensor) =>
          dot(tf.grad((a: tf.Tensor) => value(a, b))(image(x)), image(u)) as tf.Scalar;
        close(dot(tf.grad(alongImage)(weights(filter)), weights(v)), form(u, v, t, geometry));
        const alongFilter = (a: tf.Tensor) =>
          dot(tf.grad((b: tf.Tensor) => value(a, b))(weights(filter)), weights(v)) as tf.Scalar;
        close(dot(tf.grad(alongFilter)(image(x)), image(u)), form(u, v, t, geometry));
      });
      expect(tf.memory().numTensors).toBe(before);
    });
  },
);

it("refuses a filter of other channels", () => {
  tf.tidy(() => {
    const call = () => depthwiseConvolution(tf.ones([1, 4, 4, 2]), tf.ones([3, 3, 3]), { stride: 1, pad: 1 });
    expect(call).toThrow(
      "depthwiseConvolution: filter must have shape [k,k,2] for images [1,4,4,2], got [3,3,3]",
    );
  });
});
