import * as tf from "@tensorflow/tfjs-core";
import { AFFINE_SAMPLE, AFFINE_SAMPLE_TRANSPOSE } from "@limbeck/native";
import { ShapeError } from "../errors.ts";
import { differentiableOp1 } from "../grad/differentiable-op.ts";
import { ensureGradients } from "../grad/ensure-gradients.ts";

/**
 * Reads every image at the positions of a grid, bilinearly; positions outside the image count as zeros:
 *
 *     y[n, i, j, c] = Σ_{h,w} max(0, 1 − |grid_y − h|) · max(0, 1 − |grid_x − w|) · x[n, h, w, c]
 *
 * Whole-numbered positions copy pixels exactly. Differentiable in `x`, any number of times (it is linear); `grid` is a constant.
 *
 * @param x `[N, H, W, C]`.
 * @param grid `[N, H', W', 2]`, or `[1, H', W', 2]` for one grid for all images. Last axis: column, then row, in pixels of
 *   `x`, pixel centres at whole numbers.
 * @returns `[N, H', W', C]`.
 * @throws {ShapeError} if the grid does not fit.
 */
export function affineSample(x: tf.Tensor4D, grid: tf.Tensor4D): tf.Tensor4D {
  const [n] = x.shape;
  if (grid.rank !== 4 || grid.shape[3] !== 2 || (grid.shape[0] !== n && grid.shape[0] !== 1)) {
    throw new ShapeError(
      `affineSample: \`grid\` must have shape [${n},H',W',2] or [1,H',W',2], got [${grid.shape}]`,
    );
  }
  ensureGradients();
  return sample(x, grid);
}

function sample(x: tf.Tensor4D, grid: tf.Tensor4D): tf.Tensor4D {
  const [, height, width] = x.shape;
  return differentiableOp1<tf.Tensor4D>({
    inputs: { x },
    forward: (save) => {
      save([grid]);
      return sampleForward(x, grid);
    },
    backward: (dy, [saved]) => ({ x: () => sampleTranspose(dy, saved as tf.Tensor4D, height, width) }),
  });
}

function sampleTranspose(dy: tf.Tensor4D, grid: tf.Tensor4D, height: number, width: number): tf.Tensor4D {
  return differentiableOp1<tf.Tensor4D>({
    inputs: { dy },
    forward: (save) => {
      save([grid]);
      return transposeForward(dy, grid, height, width);
    },
    backward: (ddx, [saved]) => ({ dy: () => sample(ddx, saved as tf.Tensor4D) }),
  });
}

function sampleForward(x: tf.Tensor4D, grid: tf.Tensor4D): tf.Tensor4D {
  if (hasKernel(AFFINE_SAMPLE)) return tf.engine().runKernel(AFFINE_SAMPLE, { x, grid }) as tf.Tensor4D;
  const [n, height, width, channels] = x.shape;
  const [, outHeight, outWidth] = grid.shape;
  return tf.tidy(() => {
    const pixels = tf.reshape(x, [n * height * width, channels]);
    const terms = corners(grid, n, height, width).map(({ index, weight }) =>
      tf.mul(tf.gather(pixels, index), tf.expandDims(weight, 1)),
    );
    return tf.reshape(tf.addN(terms), [n, outHeight, outWidth, channels]) as tf.Tensor4D;
  });
}

function transposeForward(dy: tf.Tensor4D, grid: tf.Tensor4D, height: number, width: number): tf.Tensor4D {
  if (hasKernel(AFFINE_SAMPLE_TRANSPOSE)) {
    return tf.engine().runKernel(AFFINE_SAMPLE_TRANSPOSE, { dy, grid }, { height, width }) as tf.Tensor4D;
  }
  const [n, outHeight, outWidth, channels] = dy.shape;
  return tf.tidy(() => {
    const rows = tf.reshape(dy, [n * outHeight * outWidth, channels]);
    const terms = corners(grid, n, height, width).map(({ index, weight }) =>
      tf.scatterND(tf.expandDims(index, 1), tf.mul(rows, tf.expandDims(weight, 1)), [
        n * height * width,
        channels,
      ]),
    );
    return tf.reshape(tf.addN(terms), [n, height, width, channels]) as tf.Tensor4D;
  });
}

interface Corner {
  /** Row of the flattened pixels `[N·H·W, C]`, one for each output pixel, `[N·H'·W']` int32. */
  readonly index: tf.Tensor1D;
  /** Bilinear weight, zero where the corner lies outside the image. */
  readonly weight: tf.Tensor1D;
}

/** The four source pixels around every grid position. */
function corners(grid: tf.Tensor4D, n: number, height: number, width: number): Corner[] {
  const [, outHeight, outWidth] = grid.shape;
  const positions = grid.shape[0] === n ? grid : tf.tile(grid, [n, 1, 1, 1]);
  const [x, y] = tf.unstack(tf.reshape(positions, [n, outHeight * outWidth, 2]), 2) as [
    tf.Tensor2D,
    tf.Tensor2D,
  ];
  const image = tf.reshape(tf.range(0, n * height * width, height * width, "int32"), [n, 1]);
  const columns = neighbours(x, width);
  return neighbours(y, height).flatMap((row) =>
    columns.map((column) => ({
      index: tf.reshape(
        tf.add(tf.add(tf.mul(row.at, tf.scalar(width, "int32")), column.at), image),
        [-1],
      ) as tf.Tensor1D,
      weight: tf.reshape(tf.mul(row.weight, column.weight), [-1]) as tf.Tensor1D,
    })),
  );
}

/** Along one axis: the two pixels next to `position`, clipped into the image, with weight zero where they had to be. */
function neighbours(position: tf.Tensor, size: number): { at: tf.Tensor; weight: tf.Tensor }[] {
  const below = tf.floor(position);
  const fraction = tf.sub(position, below);
  return [
    { at: below, weight: tf.sub(1, fraction) },
    { at: tf.add(below, 1), weight: fraction },
  ].map(({ at, weight }) => {
    const inside = tf.logicalAnd(tf.greaterEqual(at, 0), tf.lessEqual(at, size - 1));
    return {
      at: tf.cast(tf.clipByValue(at, 0, size - 1), "int32"),
      weight: tf.mul(weight, tf.cast(inside, "float32")),
    };
  });
}

function hasKernel(name: string): boolean {
  return tf.getKernel(name, tf.getBackend()) !== undefined;
}
