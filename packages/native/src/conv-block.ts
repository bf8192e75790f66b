import type { NamedAttrMap, NamedTensorInfoMap, Tensor1D, Tensor4D } from "@tensorflow/tfjs-core";

/**
 * The fused block: convolution (+ bias) → normalisation → activation → pooling as one kernel, with its backward
 * pass and the backward pass of that as two more. A back end that registers the three kernels gets them used by
 * `@limbeck/core`; elsewhere core composes the same function from plain kernels.
 *
 *     u = conv(x, filter) + bias      z = (u − mean)·(var + ε)^(−1/2) per sample and group, or per channel
 *     a = φ(γ·z + β)                  pooled = pool(a)        attention = Σ_c |a_c|^p    channelAttention = Σ_pixels |a_c|^p
 */
export const CONV_BLOCK = "ConvBlock";
/** Backward pass: gradients of the block's inputs, given those of its outputs. */
export const CONV_BLOCK_GRAD = "ConvBlockGrad";
/** Backward pass of the backward pass (no attention output there). */
export const CONV_BLOCK_GRAD_GRAD = "ConvBlockGradGrad";

/** What the block computes; the same for its three kernels. */
export interface ConvBlockAttrs {
  readonly stride: number;
  /** Zeros added on each side of height and width. */
  readonly pad: number;
  /**
   * `group`: statistics per sample and group of channels; instance normalisation is groups = channels. `batch`: statistics per
   * channel over all samples, differentiated through; `groups` is not read.
   */
  readonly norm: "none" | "group" | "batch";
  readonly groups: number;
  readonly epsilon: number;
  readonly activation: "identity" | "relu" | "leakyrelu";
  /** Slope below zero of `leakyrelu`. */
  readonly slope: number;
  readonly pool: "none" | "average" | "max";
  /** Side and stride of the pooling window; rows and columns that do not fill a window are dropped. */
  readonly poolSize: number;
  /** Exponent p of the two attention outputs; 0: none. */
  readonly attentionPower: number;
}

/**
 * Kernel inputs. `bias` is absent for a convolution without bias, `gamma` and `beta` with `norm: "none"`.
 *
 * Outputs of CONV_BLOCK, in order: pooled `[N, ph, pw, O]`; attention `[N, oh, ow]`, or `[0]` where power is 0;
 * saved `[…]`: what the back end wants back in the backward passes (opaque; may be `[0]`); moments `[2, O]` with
 * `norm: "batch"`, else `[0]`: mean and biased variance of u per channel; channelAttention `[N, O]`, or `[0]` where power is 0.
 */
export interface ConvBlockInputs {
  /** `[N, H, W, C]` */
  readonly x: Tensor4D;
  /** `[kh, kw, C, O]` */
  readonly filter: Tensor4D;
  /** `[O]` */
  readonly bias?: Tensor1D;
  /** `[O]` */
  readonly gamma?: Tensor1D;
  /** `[O]` */
  readonly beta?: Tensor1D;
}

/**
 * CONV_BLOCK_GRAD takes {@link ConvBlockInputs}, `dpooled` and, where attention was asked for, `dattention` and `dchannelAttention`, plus the
 * attributes below. Outputs, in order: dx, dfilter, dbias, dgamma, dbeta; `[0]` for each that was not wanted or does not exist.
 */
export interface ConvBlockGradAttrs extends ConvBlockAttrs {
  /** The forward pass's third output. Not an input: no derivative is ever taken in it. */
  readonly saved: unknown;
  readonly wantImages: boolean;
  readonly wantParameters: boolean;
}

/**
 * CONV_BLOCK_GRAD_GRAD takes {@link ConvBlockInputs}, `dpooled` and the cotangents of the five outputs of
 * CONV_BLOCK_GRAD, each optional: `cx`, `cfilter`, `cbias`, `cgamma`, `cbeta`. Attributes as {@link ConvBlockGradAttrs}.
 * Outputs, in order: gradients in dpooled, x, filter, bias, gamma, beta (`[0]` where not wanted; dpooled always).
 */
export type ConvBlockGradGradAttrs = ConvBlockGradAttrs;

export type KernelInputs = NamedTensorInfoMap;
export type KernelAttrs = NamedAttrMap;
