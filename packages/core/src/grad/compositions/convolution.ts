import * as tf from "@tensorflow/tfjs-core";
import type { Composition, Pad } from "./composition.ts";

type Shape4D = [number, number, number, number];

function convolutionInfo(inputShape: number[], filterShape: number[], attrs: tf.NamedAttrMap) {
  return tf.backend_util.computeConv2DInfo(
    inputShape as Shape4D,
    filterShape as Shape4D,
    attrs["strides"] as number | [number, number],
    1,
    attrs["pad"] as Pad,
    attrs["dimRoundingMode"] as "floor" | undefined,
  );
}

type ConvolutionInfo = ReturnType<typeof convolutionInfo>;

function explicit(top: number, bottom: number, left: number, right: number): tf.backend_util.ExplicitPadding {
  return [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
}

/**
 * Input gradient as a convolution of dy with the filter turned by 180° and its channels swapped. For stride 1; others are left
 * to the back end.
 */
export const conv2DBackpropInput: Composition = ({ dy, filter }, attrs) => {
  const info = convolutionInfo(attrs["inputShape"] as number[], filter!.shape, attrs);
  const { strideHeight, strideWidth, filterHeight, filterWidth, padInfo } = info;
  const { top, bottom, left, right } = padInfo;
  const pads = [
    filterHeight - 1 - top,
    filterHeight - 1 - bottom,
    filterWidth - 1 - left,
    filterWidth - 1 - right,
  ] as const;
  if (strideHeight !== 1 || strideWidth !== 1 || pads.some((pad) => pad < 0)) return undefined;
  const turned = tf.transpose(tf.reverse(filter!, [0, 1]), [0, 1, 3, 2]) as tf.Tensor4D;
  return tf.conv2d(dy as tf.Tensor4D, turned, 1, explicit(...pads));
};

/**
 * Filter gradient. At stride 1 it is a convolution too: of the input as C images with N channels, by dy as the filter,
 * `[oh, ow, N, O]`. Otherwise one matrix product a tap.
 */
export const conv2DBackpropFilter: Composition = ({ x, dy }, attrs) => {
  const info = convolutionInfo(x!.shape, attrs["filterShape"] as number[], attrs);
  if (info.strideHeight !== 1 || info.strideWidth !== 1) return filterGradientByTaps(x!, dy!, info);
  const { top, bottom, left, right } = info.padInfo;
  const channelsAsImages = tf.transpose(x!, [3, 1, 2, 0]) as tf.Tensor4D;
  const gradientAsFilter = tf.transpose(dy!, [1, 2, 0, 3]) as tf.Tensor4D;
  const taps = tf.conv2d(channelsAsImages, gradientAsFilter, 1, explicit(top, bottom, left, right));
  return tf.transpose(taps, [1, 2, 0, 3]);
};

/** For each tap (i, j), the input shifted by it as [C, N·oh·ow] times dy as [N·oh·ow, O]. */
function filterGradientByTaps(x: tf.Tensor, dy: tf.Tensor, info: ConvolutionInfo): tf.Tensor {
  const { strideHeight, strideWidth, outHeight, outWidth, batchSize, inChannels, outChannels, padInfo } =
    info;
  const { filterHeight, filterWidth } = info;
  // Padded so that every shifted slice of `outHeight · stride` rows exists.
  const rows = filterHeight + outHeight * strideHeight;
  const columns = filterWidth + outWidth * strideWidth;
  const below = Math.max(0, rows - info.inHeight - padInfo.top);
  const beside = Math.max(0, columns - info.inWidth - padInfo.left);
  const padded = tf.pad(x as tf.Tensor4D, explicit(padInfo.top, below, padInfo.left, beside));
  const positions = batchSize * outHeight * outWidth;
  const dy2d = tf.reshape(dy, [positions, outChannels]);
  const size: Shape4D = [batchSize, outHeight * strideHeight, outWidth * strideWidth, inChannels];
  const taps: tf.Tensor[] = [];
  for (let i = 0; i < filterHeight; i++) {
    for (let j = 0; j < filterWidth; j++) {
      const shifted = everyNth(tf.slice(padded, [0, i, j, 0], size), strideHeight, strideWidth);
      taps.push(tf.matMul(tf.transpose(tf.reshape(shifted, [positions, inChannels])), dy2d));
    }
  }
  return tf.reshape(tf.stack(taps), [filterHeight, filterWidth, inChannels, outChannels]);
}

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
