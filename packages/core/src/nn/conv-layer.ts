import * as tf from "@tensorflow/tfjs-core";
import type { ConvBlockAttrs, ConvBlockInputs } from "@limbeck/native";
import type { ImageShape } from "../dataset/image-dataset.ts";
import { ConfigError } from "../errors.ts";
import { groupNormalize } from "../grad/composed-conv-block.ts";
import { convBlock } from "../grad/conv-block.ts";
import { pool } from "../grad/pool.ts";
import { attentionOf } from "../grad/attention.ts";
import { activate, type Activation } from "./activation.ts";
import { batchNormFold, batchNormStep, EPSILON, type BatchNormStep } from "./batch-norm.ts";
import type { ForwardPass, ImageLayer, NetworkPlan } from "./network-plan.ts";

export type Norm = "none" | "batch" | "layer" | "instance" | "group";
export type Pooling = "none" | "max" | "avg";

/** What the fused block calls each normalisation; layer normalisation, with parameters for every pixel, it does not have. */
const BLOCK_NORMS: Readonly<Record<Norm, ConvBlockAttrs["norm"]>> = {
  none: "none",
  batch: "batch",
  layer: "none",
  instance: "group",
  group: "group",
};
/** Groups of `norm: "group"`. */
const GROUPS = 4;
const LEAKY_SLOPE = 0.01;

export interface ConvLayerOptions {
  readonly filters: number;
  /** Side of the filter. */
  readonly kernel: number;
  readonly stride?: number;
  readonly pad: number;
  readonly bias?: boolean;
  readonly norm: Norm;
  readonly activation: Activation;
  /** Pooling by 2, after the activation. */
  readonly pooling?: Pooling;
  /** Whether the activation counts among the network's blocks (activations and attention). Default true. */
  readonly isBlock?: boolean;
}

/** Spatial size after a convolution or pooling window; rows that do not fill a window are dropped. */
function windowCount(length: number, size: number, stride: number, pad: number): number {
  return Math.floor((length + 2 * pad - size) / stride) + 1;
}

function poolKind(pooling: Pooling): ConvBlockAttrs["pool"] {
  return pooling === "avg" ? "average" : pooling;
}

/**
 * What the fused block does of the layer, up to the first step that it does not have; the rest follows in plain operations.
 *
 * @param folded The normalisation is in the filter already.
 */
function blockAttributes(options: ConvLayerOptions, power: number, folded: boolean): ConvBlockAttrs {
  const { norm, activation, filters, pooling = "none", stride = 1, pad } = options;
  const blockNorm = folded ? "none" : BLOCK_NORMS[norm];
  const reached = norm !== "layer";
  const known = activation === "relu" || activation === "leakyrelu" || activation === "identity";
  const fusedActivation = reached && known ? activation : undefined;
  return {
    stride,
    pad,
    norm: blockNorm,
    groups: norm === "group" ? GROUPS : blockNorm === "group" ? filters : 1,
    epsilon: EPSILON,
    activation: fusedActivation ?? "identity",
    slope: LEAKY_SLOPE,
    pool: fusedActivation === undefined ? "none" : poolKind(pooling),
    poolSize: 2,
    attentionPower: fusedActivation === undefined ? 0 : power,
  };
}

/**
 * Convolution, normalisation, activation and pooling, in this order.
 *
 * @param name Prefix of the parameter names.
 * @throws {ConfigError} if the image is too small or the filters cannot be split into groups.
 */
export function convLayer(
  plan: NetworkPlan,
  name: string,
  input: ImageShape,
  options: ConvLayerOptions,
): ImageLayer {
  const {
    filters,
    kernel,
    stride = 1,
    pad,
    bias: hasBias = true,
    norm,
    activation,
    pooling = "none",
    isBlock = true,
  } = options;
  const [height, width, channels] = input;
  const h = windowCount(height, kernel, stride, pad);
  const w = windowCount(width, kernel, stride, pad);
  const outputShape: ImageShape = pooling === "none" ? [h, w, filters] : [h >> 1, w >> 1, filters];
  if (outputShape[0] < 1 || outputShape[1] < 1) {
    throw new ConfigError(
      `${name}: images of ${height}x${width} are too small for it; use larger images or fewer layers`,
    );
  }
  if (norm === "group" && filters % GROUPS !== 0) {
    throw new ConfigError(
      `${name}: group normalisation needs a width that ${GROUPS} divides, got ${filters}`,
    );
  }

  const fanIn = kernel * kernel * channels;
  const filter = plan.weight<tf.Tensor4D>(`${name}/filter`, [kernel, kernel, channels, filters], fanIn);
  const bias = hasBias ? plan.bias(`${name}/bias`, filters, fanIn) : undefined;
  const affineShape = norm === "layer" ? [h, w, filters] : [filters];
  const gamma = norm === "none" ? undefined : plan.affine<tf.Tensor1D>(`${name}/gamma`, affineShape, 1);
  const beta = norm === "none" ? undefined : plan.affine<tf.Tensor1D>(`${name}/beta`, affineShape, 0);
  plan.multiplyAdds += h * w * fanIn * filters;
  plan.activationFloats += height * width * channels + h * w * filters;

  const foldNorm = norm === "batch" ? batchNormFold(plan, gamma!, beta!) : undefined;
  const normStep = foldNorm && batchNormStep(gamma!, beta!, foldNorm);

  /** Convolution with its bias and, where they go with it, the normalisation's parameters. */
  const blockInputs = (pass: ForwardPass, x: tf.Tensor4D): ConvBlockInputs => {
    const given = bias === undefined ? {} : { bias: bias(pass) };
    if (norm === "none" || norm === "layer") return { x, filter: filter(pass), ...given };
    if (foldNorm === undefined || pass.statistics === "batch") {
      return { x, filter: filter(pass), ...given, gamma: gamma!(pass), beta: beta!(pass) };
    }
    const { scale, shift } = foldNorm(pass, pass.statistics);
    const folded = given.bias === undefined ? shift : tf.add<tf.Tensor1D>(tf.mul(given.bias, scale), shift);
    return { x, filter: tf.mul(filter(pass), scale), bias: folded };
  };

  /** The layer step by step, so that the normalisation's input is a tensor of its own. */
  const separate = (pass: ForwardPass, x: tf.Tensor4D, normalise: BatchNormStep): tf.Tensor4D => {
    const given = bias === undefined ? {} : { bias: bias(pass) };
    const attrs: ConvBlockAttrs = {
      ...blockAttributes(options, 0, true),
      activation: "identity",
      pool: "none",
    };
    const { pooled: u } = convBlock({ x, filter: filter(pass), ...given }, attrs);
    const a = activate(normalise(pass, u), activation, LEAKY_SLOPE);
    if (isBlock) recordBlock(pass, a);
    return pool(a, poolKind(pooling), 2);
  };

  const forward = (pass: ForwardPass, x: tf.Tensor4D): tf.Tensor4D => {
    pass.convolutionInputs?.push(x);
    if (normStep !== undefined && pass.normalisationInputs !== undefined) return separate(pass, x, normStep);
    const power = isBlock && pass.attention !== undefined ? pass.attentionPower : 0;
    const attrs = blockAttributes(options, power, foldNorm !== undefined && pass.statistics !== "batch");
    const isWhole = norm !== "layer" && attrs.activation === activation;
    const block = convBlock(blockInputs(pass, x), attrs, {
      activations: isWhole && isBlock && pass.activations !== undefined,
      moments: attrs.norm === "batch" && pass.observed !== undefined,
    });
    if (block.moments !== undefined) {
      pass.observed!.mean.push(block.moments.mean);
      pass.observed!.variance.push(block.moments.variance);
      pass.observed!.count.push(x.shape[0] * h * w);
    }
    if (isWhole) {
      if (block.activation !== undefined) pass.activations?.push(block.activation);
      const { attention, channelAttention } = block;
      if (attention !== undefined && channelAttention !== undefined) {
        pass.attention?.push({ attention, channelAttention });
      }
      return block.pooled;
    }
    const u = norm === "layer" ? normaliseLayer(block.pooled, gamma!(pass), beta!(pass)) : block.pooled;
    const a = activate(u, activation, LEAKY_SLOPE);
    if (isBlock) recordBlock(pass, a);
    return pool(a, poolKind(pooling), 2);
  };
  return { outputShape, forward };
}

function normaliseLayer(u: tf.Tensor4D, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor4D {
  return tf.add(tf.mul(groupNormalize(u, 1, EPSILON), gamma), beta);
}

/** Keeps a block's activation and attention where the caller asked for them. */
export function recordBlock(pass: ForwardPass, activation: tf.Tensor4D): void {
  pass.activations?.push(activation);
  pass.attention?.push(attentionOf(activation, pass.attentionPower));
}
