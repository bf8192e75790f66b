import * as tf from "@tensorflow/tfjs-core";
import type { ImageShape } from "../dataset/image-dataset.ts";
import { pool } from "../grad/pool.ts";
import { activate, type Activation } from "./activation.ts";
import { convLayer, recordBlock, type Norm } from "./conv-layer.ts";
import type { ImageLayer, NetworkPlan } from "./network-plan.ts";

interface ResidualBlockOptions {
  /** Filters of the 3 × 3 convolutions. */
  readonly filters: number;
  readonly stride: 1 | 2;
  readonly norm: Norm;
  readonly activation: Activation;
}

export interface BasicBlockOptions extends ResidualBlockOptions {
  /** Average pooling by 2 in the place of the stride. */
  readonly averagePooling?: boolean;
  /**
   * How the shortcut changes shape: by a 1 × 1 convolution (option B of the paper, the default), or by taking every second pixel
   * and adding channels of zeros, half of them before and half after (option A).
   */
  readonly shortcut?: "convolution" | "padding";
}

/** Filters of a bottleneck's result, in units of those of its 3 × 3 convolution. */
const EXPANSION = 4;
const SLOPE = 0.01;

/**
 * Two 3 × 3 convolutions around a shortcut. Where the shape changes, the shortcut is a 1 × 1 convolution with normalisation, or
 * parameter-free.
 *
 * Differs: in the AP variant the shortcut is pooled before its 1 × 1 convolution, not after. The two commute; this one
 * costs a quarter.
 */
export function basicBlock(
  plan: NetworkPlan,
  name: string,
  input: ImageShape,
  options: BasicBlockOptions,
): ImageLayer {
  const { filters, stride, averagePooling = false, norm, activation, shortcut: kind } = options;
  const pooled = averagePooling && stride === 2;
  const shared = { filters, norm, bias: false, isBlock: false } as const;
  const first = convLayer(plan, `${name}/conv1`, input, {
    ...shared,
    kernel: 3,
    pad: 1,
    activation,
    stride: averagePooling ? 1 : stride,
    pooling: pooled ? "avg" : "none",
  });
  const second = convLayer(plan, `${name}/conv2`, first.outputShape, {
    ...shared,
    kernel: 3,
    pad: 1,
    activation: "identity",
  });
  const [h, w, c] = input;
  const changes = stride === 2 || c !== filters;
  if (changes && kind === "padding") {
    return joined([first, second], (_, x) => paddedShortcut(x, stride, filters), activation);
  }
  const shortcutInput: ImageShape = pooled ? [h >> 1, w >> 1, c] : input;
  const shortcut = changes
    ? convLayer(plan, `${name}/shortcut`, shortcutInput, {
        ...shared,
        kernel: 1,
        pad: 0,
        activation: "identity",
        stride: averagePooling ? 1 : stride,
      })
    : undefined;
  const side: ImageLayer["forward"] = (pass, x) =>
    shortcut === undefined ? x : shortcut.forward(pass, pooled ? pool(x, "average", 2) : x);
  return joined([first, second], side, activation);
}

/**
 * Bottleneck of 1 × 1, 3 × 3 and 1 × 1 convolutions around a shortcut; four times `filters` channels come out. The stride is that
 * of the 3 × 3 convolution, as in torchvision.
 */
export function bottleneckBlock(
  plan: NetworkPlan,
  name: string,
  input: ImageShape,
  { filters, stride, norm, activation }: ResidualBlockOptions,
): ImageLayer {
  const shared = { norm, bias: false, isBlock: false } as const;
  const wide = EXPANSION * filters;
  const first = convLayer(plan, `${name}/conv1`, input, {
    ...shared,
    filters,
    kernel: 1,
    pad: 0,
    activation,
  });
  const middle = { ...shared, filters, kernel: 3, pad: 1, activation, stride };
  const second = convLayer(plan, `${name}/conv2`, first.outputShape, middle);
  const last = { ...shared, filters: wide, kernel: 1, pad: 0, activation: "identity" } as const;
  const third = convLayer(plan, `${name}/conv3`, second.outputShape, last);
  const shortcut =
    stride === 2 || input[2] !== wide
      ? convLayer(plan, `${name}/shortcut`, input, { ...last, stride })
      : undefined;
  return joined([first, second, third], (pass, x) => shortcut?.forward(pass, x) ?? x, activation);
}

function joined(
  main: readonly ImageLayer[],
  side: ImageLayer["forward"],
  activation: Activation,
): ImageLayer {
  return {
    outputShape: main.at(-1)!.outputShape,
    forward: (pass, x) => {
      const last = main.reduce((value, layer) => layer.forward(pass, value), x);
      const a = activate(tf.add(last, side(pass, x)) as tf.Tensor4D, activation, SLOPE);
      recordBlock(pass, a);
      return a;
    },
  };
}

/** Option A: every `stride`-th pixel, and zeros in the place of new channels. */
function paddedShortcut(x: tf.Tensor4D, stride: number, filters: number): tf.Tensor4D {
  const missing = filters - x.shape[3];
  const before = Math.floor(missing / 2);
  // Pooling with windows of one pixel picks pixels, and has both derivatives.
  const picked = stride === 1 ? x : tf.avgPool(x, 1, stride, "valid");
  return tf.pad(picked, [
    [0, 0],
    [0, 0],
    [0, 0],
    [before, missing - before],
  ]);
}
