import * as tf from "@tensorflow/tfjs-core";
import { BackendError } from "../../errors.ts";
import type { Composition, Pad } from "./composition.ts";

interface Windows {
  readonly size: readonly [number, number];
  readonly padded: readonly [[number, number], [number, number]];
  readonly out: readonly [number, number];
}

/** Geometry of pooling windows that tile the input; undefined where they overlap, leave gaps or are padded. */
function tilingWindows(shape: readonly number[], attrs: tf.NamedAttrMap): Windows | undefined {
  const info = tf.backend_util.computePool2DInfo(
    shape as [number, number, number, number],
    attrs["filterSize"] as number | [number, number],
    attrs["strides"] as number | [number, number],
    1,
    attrs["pad"] as Pad,
    attrs["dimRoundingMode"] as "floor" | undefined,
  );
  const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo, outHeight, outWidth } = info;
  const tiles = filterHeight === strideHeight && filterWidth === strideWidth;
  if (!tiles || padInfo.top !== 0 || padInfo.left !== 0) return undefined;
  return {
    size: [filterHeight, filterWidth],
    padded: [
      [0, Math.max(0, shape[1]! - outHeight * filterHeight)],
      [0, Math.max(0, shape[2]! - outWidth * filterWidth)],
    ],
    out: [outHeight, outWidth],
  };
}

/** `[N, ph, pw, C]` with every element repeated over its window. */
function repeatOverWindows(y: tf.Tensor, windows: Windows): tf.Tensor {
  const [n, , , c] = y.shape as [number, number, number, number];
  const [height, width] = windows.size;
  const [rows, columns] = windows.out;
  const tiled = tf.tile(tf.reshape(y, [n * rows, 1, columns, 1, c]), [1, height, 1, width, 1]);
  return tf.reshape(tiled, [n, rows * height, columns * width, c]);
}

/** Each element of dy over its window, divided by the window's area. */
export const avgPoolGrad: Composition = ({ dy, input }, attrs) => {
  const windows = tilingWindows(input!.shape, attrs);
  if (windows === undefined) return undefined;
  const spread = repeatOverWindows(tf.div(dy!, windows.size[0] * windows.size[1]), windows);
  return tf.pad(spread, [[0, 0], ...windows.padded, [0, 0]]);
};

/** The first maximum of each window, in reading order, gets its gradient. */
export const maxPoolGrad: Composition = ({ dy, input, output }, attrs) => {
  const windows = tilingWindows(input!.shape, attrs);
  if (windows === undefined) {
    if (tf.getBackend() === "webgpu") return undefined;
    const { filterSize, strides, pad } = attrs as Readonly<Record<string, string | number | number[]>>;
    throw new BackendError(
      `max pooling: back end "${tf.getBackend()}" has a gradient for windows that tile the image only, ` +
        `got size ${filterSize}, stride ${strides}, padding ${pad}; choose another back end`,
    );
  }
  const [height, width] = windows.size;
  const [rows, columns] = windows.out;
  const [n, , , c] = dy!.shape as [number, number, number, number];
  const covered = tf.slice(input!, [0, 0, 0, 0], [n, rows * height, columns * width, c]);
  // [N·ph, height, pw, width, C] → [N·ph·pw, height·width, C]
  const split = tf.transpose(tf.reshape(covered, [n * rows, height, columns, width, c]), [0, 2, 1, 3, 4]);
  const byWindow = tf.reshape(split, [n * rows * columns, height * width, c]);
  const maxima = tf.reshape(output!, [n * rows * columns, 1, c]);
  const equal = tf.cast(tf.equal(byWindow, maxima), "float32");
  const first = tf.mul(equal, tf.cast(tf.equal(tf.cumsum(equal, 1), 1), "float32"));
  const placed = tf.mul(first, tf.reshape(dy!, [n * rows * columns, 1, c]));
  const joined = tf.transpose(tf.reshape(placed, [n * rows, columns, height, width, c]), [0, 2, 1, 3, 4]);
  return tf.pad(tf.reshape(joined, [n, rows * height, columns * width, c]), [
    [0, 0],
    ...windows.padded,
    [0, 0],
  ]);
};
