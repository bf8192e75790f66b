import type * as tf from "@tensorflow/tfjs-core";
import type { Attention } from "../grad/attention.ts";
import type { ImageShape } from "../dataset/image-dataset.ts";
import type { NetworkStatistics, ParameterEntry } from "./network.ts";

/** What one call of `apply` carries through the layers. */
export interface ForwardPass {
  /** One tensor for each {@link ParameterEntry}, in order. */
  readonly parameters: readonly tf.Tensor[];
  readonly statistics: "batch" | NetworkStatistics;
  readonly attentionPower: number;
  /** Receives every block's activation where they were asked for. */
  readonly activations?: tf.Tensor4D[];
  /** Receives every block's attention where it was asked for. */
  readonly attention?: Attention[];
  /** Receives the input of every batch normalisation, in layer order, where it was asked for. */
  readonly normalisationInputs?: tf.Tensor4D[];
  /** Receives the input of every convolution, in layer order, where it was asked for. */
  readonly convolutionInputs?: tf.Tensor4D[];
  /** Receives mean and variance of every batch-normalisation input, in layer order. */
  readonly observed?: {
    readonly mean: tf.Tensor1D[];
    readonly variance: tf.Tensor1D[];
    readonly count: number[];
  };
}

/** Reads one parameter tensor of the running forward pass. */
export type ParameterReader<T extends tf.Tensor = tf.Tensor> = (pass: ForwardPass) => T;

/** An image layer: `[N, …]` in, `[N, …outputShape]` out. */
export interface ImageLayer {
  readonly outputShape: ImageShape;
  readonly forward: (pass: ForwardPass, x: tf.Tensor4D) => tf.Tensor4D;
}

/** Collects parameters and costs while the layers of a network are laid out. */
export class NetworkPlan {
  readonly parameters: ParameterEntry[] = [];
  parameterCount = 0;
  multiplyAdds = 0;
  activationFloats = 0;
  batchNormLayers = 0;

  #add<T extends tf.Tensor>(
    name: string,
    shape: readonly number[],
    outputAxis: number,
    init: ParameterEntry["init"],
  ): ParameterReader<T> {
    const index = this.parameters.length;
    const size = shape.reduce((a, b) => a * b, 1);
    this.parameters.push({ name, shape, offset: this.parameterCount, size, outputAxis, init });
    this.parameterCount += size;
    return (pass) => pass.parameters[index] as T;
  }

  /** Weights of PyTorch's default initialisation: U(±1/√fanIn), which is Kaiming's uniform one with a = √5. */
  weight<T extends tf.Tensor>(name: string, shape: readonly number[], fanIn: number): ParameterReader<T> {
    return this.#add<T>(name, shape, shape.length - 1, { kind: "uniform", bound: 1 / Math.sqrt(fanIn) });
  }

  /** Bias of PyTorch's default initialisation: U(±1/√fanIn). */
  bias(name: string, length: number, fanIn: number): ParameterReader<tf.Tensor1D> {
    return this.#add(name, [length], -1, { kind: "uniform", bound: 1 / Math.sqrt(fanIn) });
  }

  /** Learned positions or tokens: uniform with the standard deviation 0.02 that transformers start from. */
  embedding<T extends tf.Tensor>(name: string, shape: readonly number[]): ParameterReader<T> {
    return this.#add<T>(name, shape, -1, { kind: "uniform", bound: 0.02 * Math.sqrt(3) });
  }

  /** Scale or shift of a normalisation. One that varies over the image too (layer normalisation) counts as a weight by channel. */
  affine<T extends tf.Tensor>(name: string, shape: readonly number[], value: number): ParameterReader<T> {
    return this.#add<T>(name, shape, shape.length > 1 ? shape.length - 1 : -1, { kind: "constant", value });
  }
}
