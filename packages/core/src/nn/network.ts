import type * as tf from "@tensorflow/tfjs-core";
import type { ImageShape } from "../dataset/image-dataset.ts";
import type { Key } from "../random/key.ts";

/** One named parameter tensor inside the flat vector θ. */
export interface ParameterEntry {
  /** Unique name such as `block1/filter`, `block1/gamma`, `head/weight`. */
  readonly name: string;
  /** Shape in the layout the operations use: filters [kh, kw, in, out], dense weights [in, out]. */
  readonly shape: readonly number[];
  /** First element inside θ. */
  readonly offset: number;
  /** Number of elements. */
  readonly size: number;
  /**
   * Which axis of `shape` counts the output units, or -1 for vectors (bias, scale, shift) that gradient matching skips.
   */
  readonly outputAxis: number;
  /** Initial distribution. `uniform`: U(-bound, bound); `constant`: value everywhere. */
  readonly init:
    | { readonly kind: "uniform"; readonly bound: number }
    | { readonly kind: "constant"; readonly value: number };
}

/** Which arguments of `apply` derivatives may be taken in. Backward passes compute what is asked for, whatever it says. */
export type Differentiate = "both" | "images" | "parameters";

export interface ApplyOptions {
  /**
   * Batch normalisation uses the statistics of this batch (default) or fixed ones.
   * Networks without batch normalisation ignore it.
   */
  readonly statistics?: "batch" | NetworkStatistics;
  /** Also return every block's activation before pooling, `[N, h, w, c]` each. */
  readonly activations?: boolean;
  /**
   * Also return, for every block, the attention of its activation a before pooling: spatial `Σ_c |a_c|^p`, `[N, h, w]`, and by
   * channel `Σ_positions |a_c|^p`, `[N, c]`. First derivatives only.
   */
  readonly attentionPower?: number;
  /**
   * Also return the input of every batch normalisation, in layer order: what statistics matching compares. Differentiable in
   * the images and θ, twice, whichever statistics are used. The layers are then computed in separate steps.
   */
  readonly normalisationInputs?: boolean;
  /** Also return the input of every convolution, in layer order (the first is the images). Differentiable in the images and θ, twice. */
  readonly convolutionInputs?: boolean;
  /** Default `both`. Asking for a derivative that was excluded throws {@link NotDifferentiableError}. */
  readonly differentiate?: Differentiate;
}

export interface NetworkOutput {
  /** Class scores, `[N, K]`. */
  readonly logits: tf.Tensor2D;
  /** Input of the last linear layer, `[N, D]`. */
  readonly embedding: tf.Tensor2D;
  /** Present when `activations` was asked for: block 1 first. */
  readonly activations?: readonly tf.Tensor4D[];
  /** Present when `attentionPower` was given: block 1 first, `[N, h, w]` each. */
  readonly attention?: readonly tf.Tensor3D[];
  /** Present with `attention`: `[N, c]` each. */
  readonly channelAttention?: readonly tf.Tensor2D[];
  /** Present when `normalisationInputs` was asked for: `[N, h, w, c]` each, in layer order. */
  readonly normalisationInputs?: readonly tf.Tensor4D[];
  /** Present when `convolutionInputs` was asked for: `[N, h, w, c]` each, in layer order. */
  readonly convolutionInputs?: readonly tf.Tensor4D[];
}

/** Running mean and variance of every batch-normalisation layer, in layer order. */
export interface NetworkStatistics {
  readonly mean: readonly tf.Tensor1D[];
  /** Biased: divided by the number of elements. */
  readonly variance: readonly tf.Tensor1D[];
  /** Elements per channel (N·h·w) each layer averaged over; the trainer's unbiased running variance needs it. */
  readonly count?: readonly number[];
}

/**
 * A network is data plus functions of one flat float32 parameter vector θ `[P]`: no hidden state.
 * `apply` is differentiable in θ and the images, twice (see {@link ApplyOptions} for the two exceptions).
 */
export interface Network {
  /** Name in the zoo with its options spelt out, such as `convnet3`, `convnet3-w64-batch`. */
  readonly name: string;
  readonly inputShape: ImageShape;
  readonly classes: number;
  /** Number of parameters P. */
  readonly parameterCount: number;
  readonly parameters: readonly ParameterEntry[];
  /** True where some layer is batch normalisation: samples of one batch then depend on each other. */
  readonly usesBatchStatistics: boolean;
  /** Multiply-adds of one image's forward pass: forecasts of time come from it. */
  readonly multiplyAdds: number;
  /** Floats of one image's activations that a derivative needs (block inputs and outputs): forecasts of memory come from it. */
  readonly activationFloats: number;
  /** Fresh parameters `[P]` (PyTorch's default initialisation, as the published numbers assume). The caller owns the tensor. */
  init(key: Key): tf.Tensor1D;
  /**
   * @param theta Flat parameters `[P]`.
   * @param images `[N, H, W, C]`, normalised, N ≥ 1.
   * @throws {ShapeError} if `theta` or `images` does not fit the network.
   */
  apply(theta: tf.Tensor1D, images: tf.Tensor4D, options?: ApplyOptions): NetworkOutput;
  /**
   * Mean and variance of each batch-normalisation input over `images`; empty lists without such layers.
   * Running statistics are built from these by the trainer.
   */
  batchStatistics(theta: tf.Tensor1D, images: tf.Tensor4D): NetworkStatistics;
}
