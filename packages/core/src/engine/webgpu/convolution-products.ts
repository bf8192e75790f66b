/** The three products that a convolution of `[N, H, W, C]` with `[kh, kw, C, O]` and its transposes are. */
import type * as tf from "@tensorflow/tfjs-core";
import type { ProductSource } from "./product-source.ts";

type Info = tf.backend_util.Conv2DInfo;

/** A product and its size. */
export interface ConvolutionProduct {
  readonly label: string;
  readonly source: ProductSource;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** Lengths as constants, all but the batch's: a compiler then divides by multiplication. */
function constants(info: Info): string {
  const { padInfo } = info;
  const lengths = {
    inHeight: info.inHeight,
    inWidth: info.inWidth,
    inChannels: info.inChannels,
    outHeight: info.outHeight,
    outWidth: info.outWidth,
    outChannels: info.outChannels,
    filterWidth: info.filterWidth,
    strideHeight: info.strideHeight,
    strideWidth: info.strideWidth,
    padTop: padInfo.top,
    padLeft: padInfo.left,
  };
  return Object.entries(lengths)
    .map(([name, length]) => `const ${name} = ${length};\n`)
    .join("");
}

/** `imageAt`: what filter element `tap`, counted over [kh, kw, C], sees at output pixel `pixel`, counted over [N, OH, OW]. */
function imageAt(array: string): string {
  return `
fn imageAt(pixel : i32, tap : i32) -> f32 {
  let h = pixel / outWidth % outHeight * strideHeight + tap / (inChannels * filterWidth) - padTop;
  let w = pixel % outWidth * strideWidth + tap / inChannels % filterWidth - padLeft;
  if (h < 0 || h >= inHeight || w < 0 || w >= inWidth) { return 0f; }
  let n = pixel / (outHeight * outWidth);
  return ${array}[((n * inHeight + h) * inWidth + w) * inChannels + tap % inChannels];
}`;
}

/** `rightAt` of filters and of results: both have the output channels as their last index. */
const OUTPUT_CHANNELS_ADJACENT = `
fn rightAt(k : i32, column : i32) -> f32 { return right[k * outChannels + column]; }`;

/** `left` x, `right` filter: the result of the convolution, `[N·OH·OW, O]`. */
export function convolution(info: Info): ConvolutionProduct {
  return {
    label: "Convolution",
    source: {
      declarations: `${constants(info)}${imageAt("left")}
fn leftAt(row : i32, k : i32) -> f32 { return imageAt(row, k); }
${OUTPUT_CHANNELS_ADJACENT}`,
      leftAlong: "depth",
      rightAlong: "columns",
    },
    rows: info.batchSize * info.outHeight * info.outWidth,
    columns: info.outChannels,
    depth: info.filterHeight * info.filterWidth * info.inChannels,
  };
}

/** `left` dy, `right` filter: the gradient in x, `[N·H·W, C]`. */
export function convolutionInInput(info: Info): ConvolutionProduct {
  return {
    label: "Convolution's gradient in its input",
    source: {
      declarations: `${constants(info)}
fn leftAt(row : i32, k : i32) -> f32 {
  let h = row / inWidth % inHeight + padTop - k / (outChannels * filterWidth);
  let w = row % inWidth + padLeft - k / outChannels % filterWidth;
  if (h < 0 || h % strideHeight != 0 || w < 0 || w % strideWidth != 0) { return 0f; }
  let oh = h / strideHeight;
  let ow = w / strideWidth;
  if (oh >= outHeight || ow >= outWidth) { return 0f; }
  let n = row / (inHeight * inWidth);
  return left[((n * outHeight + oh) * outWidth + ow) * outChannels + k % outChannels];
}
fn rightAt(k : i32, column : i32) -> f32 {
  return right[(k / outChannels * inChannels + column) * outChannels + k % outChannels];
}`,
      leftAlong: "depth",
      rightAlong: "depth",
    },
    rows: info.batchSize * info.inHeight * info.inWidth,
    columns: info.inChannels,
    depth: info.filterHeight * info.filterWidth * info.outChannels,
  };
}

/** `left` x, `right` dy: the gradient in the filter, `[kh·kw·C, O]`. */
export function convolutionInFilter(info: Info): ConvolutionProduct {
  return {
    label: "Convolution's gradient in its filter",
    source: {
      declarations: `${constants(info)}${imageAt("left")}
fn leftAt(row : i32, k : i32) -> f32 { return imageAt(k, row); }
${OUTPUT_CHANNELS_ADJACENT}`,
      leftAlong: "rows",
      rightAlong: "columns",
    },
    rows: info.filterHeight * info.filterWidth * info.inChannels,
    columns: info.outChannels,
    depth: info.batchSize * info.outHeight * info.outWidth,
  };
}
