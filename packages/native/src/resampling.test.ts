import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AFFINE_SAMPLE, AFFINE_SAMPLE_TRANSPOSE } from "./index.ts";
import {
  expectClose,
  expectSame,
  numbers,
  on,
  randomTensor,
  seed,
  size,
} from "./testing/compare-backends.ts";

const resize = fc.record({
  n: size(3),
  h: size(9),
  w: size(9),
  c: size(5),
  oh: size(13),
  ow: size(13),
  align: fc.boolean(),
  half: fc.boolean(),
  seed,
});

const sample = fc.record({
  n: size(4),
  h: size(8),
  w: size(8),
  c: size(5),
  oh: size(7),
  ow: size(7),
  shared: fc.boolean(),
  seed,
});

const kernel = (name: string, inputs: Record<string, tf.Tensor>, attrs: object = {}) =>
  tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap) as tf.Tensor;

/** Bilinear sampling by its definition: every pixel weighted by max(0, 1 − |distance|) in both directions. */
function sampleByDefinition(
  x: Float32Array,
  grid: Float32Array,
  [n, h, w, c, grids, oh, ow]: number[],
): number[] {
  const out: number[] = [];
  for (let i = 0; i < n!; i++) {
    for (let p = 0; p < oh! * ow!; p++) {
      const at = ((grids === 1 ? 0 : i) * oh! * ow! + p) * 2;
      const [gx, gy] = [grid[at]!, grid[at + 1]!];
      for (let k = 0; k < c!; k++) {
        let sum = 0;
        for (let r = 0; r < h!; r++) {
          for (let q = 0; q < w!; q++) {
            const weight = Math.max(0, 1 - Math.abs(gy - r)) * Math.max(0, 1 - Math.abs(gx - q));
            if (weight > 0) sum += weight * x[((i * h! + r) * w! + q) * c! + k]!;
          }
        }
        out.push(sum);
      }
    }
  }
  return out;
}

describe("resizing equals the plain back end's", () => {
  it("bilinear, forward", () => {
    fc.assert(
      fc.property(resize, ({ n, h, w, c, oh, ow, align, half, seed: s }) => {
        fc.pre(!(align && half));
        expectSame(
          () => tf.image.resizeBilinear(randomTensor<tf.Tensor4D>([n, h, w, c], s), [oh, ow], align, half),
          { atol: 1e-5 },
        );
      }),
      { numRuns: 60 },
    );
  });

  it("bilinear, backward", () => {
    fc.assert(
      fc.property(resize, ({ n, h, c, oh, ow, align, seed: s }) => {
        expectSame(
          () =>
            kernel(
              tf.ResizeBilinearGrad,
              { images: randomTensor([n, h, h, c], s), dy: randomTensor([n, oh, ow, c], s + 1) },
              { alignCorners: align },
            ),
          { atol: 1e-4 },
        );
      }),
      { numRuns: 60 },
    );
  });

  it("bilinear, backward: the transpose of forward for images that are not square", () => {
    on("native", () =>
      tf.tidy(() => {
        const images = randomTensor<tf.Tensor4D>([2, 5, 8, 3], 1);
        const dy = randomTensor<tf.Tensor4D>([2, 7, 4, 3], 2);
        const dx = kernel(tf.ResizeBilinearGrad, { images, dy }, { alignCorners: false });
        expect(dx.shape).toEqual(images.shape);
        const right = tf.sum(tf.mul(dx, images)).dataSync()[0]!;
        const left = tf.sum(tf.mul(dy, tf.image.resizeBilinear(images, [7, 4]))).dataSync()[0]!;
        expectClose([left], [right], { atol: 1e-3 });
      }),
    );
  });
});

describe("sampling at grid positions", () => {
  it("is bilinear with zeros outside, and its transpose is one", () => {
    fc.assert(
      fc.property(sample, ({ n, h, w, c, oh, ow, shared, seed: s }) => {
        on("native", () =>
          tf.tidy(() => {
            const grids = shared ? 1 : n;
            const positions = numbers(grids * oh * ow * 2, s + 1, -2, 9);
            positions.forEach((value, i) => (positions[i] = i % 5 === 0 ? Math.round(value) : value));
            const x = randomTensor([n, h, w, c], s);
            const grid = tf.tensor4d(positions, [grids, oh, ow, 2]);
            const y = kernel(AFFINE_SAMPLE, { x, grid });
            expect(y.shape).toEqual([n, oh, ow, c]);
            const truth = sampleByDefinition(numbers(n * h * w * c, s), positions, [
              n,
              h,
              w,
              c,
              grids,
              oh,
              ow,
            ]);
            expectClose(y.dataSync(), truth, { atol: 1e-5 });
            const dy = randomTensor([n, oh, ow, c], s + 2);
            const dx = kernel(AFFINE_SAMPLE_TRANSPOSE, { dy, grid }, { height: h, width: w });
            expect(dx.shape).toEqual([n, h, w, c]);
            const [left, right] = [tf.sum(tf.mul(y, dy)), tf.sum(tf.mul(x, dx))];
            expectClose(left.dataSync(), right.dataSync(), { rtol: 1e-4, atol: 1e-3 });
          }),
        );
      }),
      { numRuns: 60 },
    );
  });

  it("positions that are no numbers read zero", () => {
    on("native", () =>
      tf.tidy(() => {
        const grid = tf.tensor4d([NaN, 0, Infinity, 0, 0, -Infinity, 1e30, 1e30, 1, 1], [1, 1, 5, 2]);
        const y = kernel(AFFINE_SAMPLE, { x: tf.ones([1, 3, 3, 1]), grid });
        expect(Array.from(y.dataSync())).toEqual([0, 0, 0, 0, 1]);
      }),
    );
  });

  it("refuses grids that do not fit", () => {
    on("native", () => {
      const x = tf.zeros([2, 3, 3, 1]);
      expect(() => kernel(AFFINE_SAMPLE, { x, grid: tf.zeros([3, 2, 2, 2]) })).toThrow(
        "AffineSample: images [N,H,W,C] and a grid [N or 1,H',W',2] are wanted, got [2,3,3,1] and [3,2,2,2]",
      );
      expect(() => kernel(AFFINE_SAMPLE, { x, grid: tf.zeros([1, 2, 2, 2], "int32") })).toThrow(
        "float32 is wanted",
      );
    });
  });
});
