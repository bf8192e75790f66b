import * as tf from "@tensorflow/tfjs-core";

/**
 * Kernels that some back ends lack (WASM has no filter gradient), composed from kernels that they have. Values only: what is
 * computed inside a kernel is not recorded, and the gradients of these kernels are registered like those of all others.
 */
type Composition = (inputs: Readonly<Record<string, tf.Tensor>>, attrs: tf.NamedAttrMap) => tf.Tensor;

type Pad = "valid" | "same" | number | tf.backend_util.ExplicitPadding;

/**
 * Filter gradient as one matrix product a filter tap: the input shifted by (i, j) as [N·oh·ow, C], transposed, times dy as
 * [N·oh·ow, O].
 */
const conv2DBackpropFilter: Composition = ({ x, dy }, attrs) => {
  const shape = attrs["filterShape"] as [number, number, number, number];
  const [height, width, channels, filters] = shape;
  const info = tf.backend_util.computeConv2DInfo(
    x!.shape as [number, number, number, number],
    shape,
    attrs["strides"] as number | [number, number],
    1,
    attrs["pad"] as Pad,
    attrs["dimRoundingMode"] as "floor" | undefined,
  );
  const { strideHeight, strideWidth, outHeight, outWidth, batchSize, padInfo } = info;
  // Padded so that every shifted slice of `outHeight · stride` rows exists.
  const rows = height + outHeight * strideHeight;
  const columns = width + outWidth * strideWidth;
  const padded = tf.pad(x! as tf.Tensor4D, [
    [0, 0],
    [padInfo.top, Math.max(0, rows - info.inHeight - padInfo.top)],
    [padInfo.left, Math.max(0, columns - info.inWidth - padInfo.left)],
    [0, 0],
  ]);
  const dy2d = tf.reshape(dy!, [batchSize * outHeight * outWidth, filters]);
  const taps: tf.Tensor[] = [];
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      const size: [number, number, number, number] = [
        batchSize,
        outHeight * strideHeight,
        outWidth * strideWidth,
        channels,
      ];
      const shifted = everyNth(tf.slice(padded, [0, i, j, 0], size), strideHeight, strideWidth);
      taps.push(
        tf.matMul(tf.reshape(shifted, [batchSize * outHeight * outWidth, channels]), dy2d, true, false),
      );
    }
  }
  return tf.reshape(tf.stack(taps), shape);
};

/** Rows 0, s, 2s, … and columns likewise of `[N, H, W, C]`; the strides divide H and W. */
function everyNth(x: tf.Tensor4D, strideHeight: number, strideWidth: number): tf.Tensor {
  if (strideHeight === 1 && strideWidth === 1) return x;
  const [n, h, w, c] = x.shape;
  const byRow = tf.slice(
    tf.reshape(x, [n * (h / strideHeight), strideHeight, w * c]),
    [0, 0, 0],
    [-1, 1, -1],
  );
  const byColumn = tf.reshape(byRow, [n * (h / strideHeight) * (w / strideWidth), strideWidth, c]);
  return tf.slice(byColumn, [0, 0, 0], [-1, 1, -1]);
}

interface Windows {
  readonly size: readonly [number, number];
  readonly padded: readonly [[number, number], [number, number]];
  readonly out: readonly [number, number];
}

/** Geometry of pooling windows that tile the input; null where they overlap, leave gaps or are padded. */
function tilingWindows(shape: readonly number[], attrs: tf.NamedAttrMap, kernelName: string): Windows {
  const info = tf.backend_util.computePool2DInfo(
    shape as [number, number, number, number],
    attrs["filterSize"] as number | [number, number],
    attrs["strides"] as number | [number, number],
    1,
    attrs["pad"] as Pad,
    attrs["dimRoundingMode"] as "floor" | undefined,
  );
  const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo, outHeight, outWidth } = info;
  if (
    filterHeight !== strideHeight ||
    filterWidth !== strideWidth ||
    padInfo.top !== 0 ||
    padInfo.left !== 0
  ) {
    throw new Error(
      `${kernelName}: back end "${tf.getBackend()}" has only windows that tile the input, ` +
        `got size ${filterHeight}x${filterWidth}, stride ${strideHeight}x${strideWidth}, padding ${padInfo.top}`,
    );
  }
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

const avgPoolGrad: Composition = ({ dy, input }, attrs) => {
  const windows = tilingWindows(input!.shape, attrs, tf.AvgPoolGrad);
  const spread = repeatOverWindows(tf.div(dy!, windows.size[0] * windows.size[1]), windows);
  return tf.pad(spread, [[0, 0], ...windows.padded, [0, 0]]);
};

/** The first maximum of each window, in reading order, gets its gradient. */
const maxPoolGrad: Composition = ({ dy, input, output }, attrs) => {
  const windows = tilingWindows(input!.shape, attrs, tf.MaxPoolGrad);
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

/** Sums rows by segment as a product with the one-hot matrix of the segments. */
const unsortedSegmentSum: Composition = ({ x, segmentIds }, attrs) => {
  const count = attrs["numSegments"] as number;
  const inner = x!.shape.slice(1);
  const size = inner.reduce((a, b) => a * b, 1);
  const segments = tf.cast(
    tf.equal(tf.expandDims(segmentIds!, 0), tf.expandDims(tf.range(0, count, 1, "int32"), 1)),
    "float32",
  );
  return tf.reshape(tf.matMul(segments, tf.reshape(x!, [x!.shape[0]!, size])), [count, ...inner]);
};

const compositions: Readonly<Record<string, Composition>> = {
  [tf.AvgPoolGrad]: avgPoolGrad,
  [tf.Conv2DBackpropFilter]: conv2DBackpropFilter,
  [tf.MaxPoolGrad]: maxPoolGrad,
  [tf.UnsortedSegmentSum]: unsortedSegmentSum,
};

/** Kernels that a back end has but that are wrong there. */
const WRONG: Readonly<Record<string, ReadonlySet<string>>> = {
  // tfjs 4.22 starts the search for a window's maximum at the smallest positive float: windows without a positive element get nothing.
  wasm: new Set([tf.MaxPoolGrad]),
};

/** Registers a composition for every kernel of the table that the current back end lacks or has wrong. Idempotent. */
export function ensureKernels(): void {
  const backendName = tf.getBackend();
  for (const [kernelName, compose] of Object.entries(compositions)) {
    const kernel = tf.getKernel(kernelName, backendName) as tf.KernelConfig | undefined;
    if (kernel !== undefined) {
      if (WRONG[backendName]?.has(kernelName) !== true || registered.has(kernel)) continue;
      tf.unregisterKernel(kernelName, backendName);
    }
    const composition: tf.KernelConfig = {
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs }) =>
        tf.tidy(() => compose(asTensors(inputs), attrs ?? {})) as tf.TensorInfo,
    };
    tf.registerKernel(composition);
    registered.add(composition);
  }
}

/** The compositions that this module registered. */
const registered = new WeakSet<tf.KernelConfig>();

/** Kernels get tensor infos; the engine always passes the tensors themselves, except for stand-ins that carry a shape only. */
function asTensors(inputs: tf.NamedTensorInfoMap): Readonly<Record<string, tf.Tensor>> {
  return inputs as unknown as Readonly<Record<string, tf.Tensor>>;
}
