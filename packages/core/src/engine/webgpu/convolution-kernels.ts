/** tfjs's convolution kernels on WebGPU, with the gradient in the filter as a tiled product, and all three in half precision where asked. */
import * as tf from "@tensorflow/tfjs-core";
import {
  convolution,
  convolutionInFilter,
  convolutionInInput,
  type ConvolutionProduct,
} from "./convolution-products.ts";
import { DEPTH, productSource, TILE, type Operands } from "./product-source.ts";
import { runProgram } from "./run-program.ts";

/** A result of fewer tiles than this is split over the depth of its sums, so that a card has enough to do at once. */
const WORKGROUPS_WANTED = 256;
/** Fetches that are worth a slice of their own. */
const LEAST_STEPS = 8;
/** Half precision pays where a tile is not mostly empty. */
const LEAST_COLUMNS = 16;

let operands: Operands = "float32";

/** What convolutions are computed in from now on. */
export function setConvolutionOperands(wanted: Operands): void {
  operands = wanted;
}

/** What convolutions are computed in. */
export function convolutionOperands(): Operands {
  return operands;
}

/** The kernels by name; `own` are tfjs's, which compute what these do not: dilated, channels first, and most of what is float32. */
export function convolutionKernels(
  own: Readonly<Record<string, tf.KernelFunc>>,
): Readonly<Record<string, tf.KernelFunc>> {
  return {
    [tf.Conv2D]: (params) => {
      const { x, filter } = params.inputs;
      const info = infoOf(x!.shape, filter!.shape, params.attrs!);
      if (info === undefined || !isHalf(info.outChannels)) return own[tf.Conv2D]!(params);
      return product(params, convolution(info), x!, filter!, info.outShape, operands);
    },
    [tf.Conv2DBackpropInput]: (params) => {
      const { dy, filter } = params.inputs;
      const shape = params.attrs!["inputShape"] as number[];
      const info = infoOf(shape, filter!.shape, params.attrs!);
      if (info === undefined || !isHalf(info.inChannels)) return own[tf.Conv2DBackpropInput]!(params);
      return product(params, convolutionInInput(info), dy!, filter!, shape, operands);
    },
    // tfjs's program has one invocation for each element of the filter, which reads both arrays from end to end.
    [tf.Conv2DBackpropFilter]: (params) => {
      const { x, dy } = params.inputs;
      const shape = params.attrs!["filterShape"] as number[];
      const info = infoOf(x!.shape, shape, params.attrs!);
      if (info === undefined) return own[tf.Conv2DBackpropFilter]!(params);
      const computed = isHalf(info.outChannels) ? operands : "float32";
      return product(params, convolutionInFilter(info), x!, dy!, shape, computed);
    },
  };
}

function isHalf(columns: number): boolean {
  return operands !== "float32" && columns >= LEAST_COLUMNS;
}

/** Sizes of a plain convolution, channels last; undefined for any other. */
function infoOf(
  inputShape: number[],
  filterShape: number[],
  attrs: tf.NamedAttrMap,
): tf.backend_util.Conv2DInfo | undefined {
  const { strides, pad, dilations, dataFormat, dimRoundingMode } = attrs as unknown as tf.Conv2DAttrs;
  const info = tf.backend_util.computeConv2DInfo(
    inputShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    false,
    tf.backend_util.convertConv2DDataFormat(dataFormat),
  );
  const isPlain = info.dilationHeight === 1 && info.dilationWidth === 1 && info.dataFormat === "channelsLast";
  const isEmpty = tf.util.sizeFromShape(info.outShape) === 0 || tf.util.sizeFromShape(inputShape) === 0;
  return isPlain && !isEmpty ? info : undefined;
}

/** Tiles of a product's result, slices of its depth, and fetches that the workgroup of one tile and slice makes. */
function division({ rows, columns, depth }: ConvolutionProduct) {
  const tiles = Math.ceil(rows / TILE) * Math.ceil(columns / TILE);
  const fetches = Math.ceil(depth / DEPTH);
  const slices = Math.max(
    1,
    Math.min(Math.floor(WORKGROUPS_WANTED / tiles), Math.floor(fetches / LEAST_STEPS)),
  );
  return { tiles, slices, steps: Math.ceil(fetches / slices) };
}

function product(
  { backend }: Parameters<tf.KernelFunc>[0],
  made: ConvolutionProduct,
  left: tf.TensorInfo,
  right: tf.TensorInfo,
  shape: number[],
  computedIn: Operands,
): tf.TensorInfo {
  const { label, source, rows, columns, depth } = made;
  const { tiles, slices, steps } = division(made);
  return tf.tidy(() => {
    const largest =
      computedIn === "float32" ? {} : { leftLargest: largestOf(left), rightLargest: largestOf(right) };
    const parts = runProgram(backend as tf.KernelBackend, {
      label,
      inputs: { left, right, ...largest },
      uniforms: { rows, columns, depth, steps, slices },
      shape: slices === 1 ? shape : [slices, ...shape],
      workgroups: slices * tiles,
      ...productSource(source, computedIn),
    });
    return slices === 1 ? parts : sumOfSlices(backend as tf.KernelBackend, parts, slices, shape);
  });
}

/** The largest magnitude in x, `[1]`, without waiting for the device. */
function largestOf(x: tf.TensorInfo): tf.Tensor {
  return tf.reshape(tf.max(tf.abs(x as tf.Tensor)), [1]);
}

/** Sum over the first axis, slice after slice. */
function sumOfSlices(
  backend: tf.KernelBackend,
  parts: tf.Tensor,
  slices: number,
  shape: number[],
): tf.Tensor {
  return runProgram(backend, {
    label: "Sum of slices",
    inputs: { parts },
    uniforms: { slices },
    shape,
    declarations: "",
    body: `
  if (index >= uniforms.size) { return; }
  var total = 0f;
  for (var slice = 0; slice < uniforms.slices; slice++) { total += parts[slice * uniforms.size + index]; }
  result[index] = total;`,
  });
}
