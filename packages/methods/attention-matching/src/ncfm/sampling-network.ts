import * as tf from "@tensorflow/tfjs-core";
import { foldIn, normal, uniform, type Key } from "@limbeck/core";

/** Slope of the leaky rectifiers for negative values. */
const SLOPE = 0.2;
const BATCH_NORM_EPSILON = 1e-5;
/** Frequencies that share one vector of scales. */
const FREQUENCIES_PER_SCALE = 16;
/** Distinct vectors of the released code's network. */
const CODE_ROWS = 4;

export interface SamplingNetworkOptions {
  /**
   * `scales`: a mixture of normals, t = σ_k ⊙ ε with ε ~ N(0, I) and one learned scale vector σ_k for 16 frequencies, as the paper
   * describes it; `code-tanh4`: four vectors out of a tanh, as the released code has it.
   */
  readonly kind: "scales" | "code-tanh4";
  /** Length D of a feature. */
  readonly features: number;
  /** Number T of frequencies; `scales` only, a multiple of 16. */
  readonly frequencies: number;
  /** Width of the hidden layers; `scales` only (the code's are D wide). */
  readonly width: number;
}

/** A network ψ that turns noise into frequencies, as data and functions of one flat vector. */
export interface SamplingNetwork {
  readonly parameterCount: number;
  /** Multiply-adds of one forward pass. */
  readonly multiplyAdds: number;
  /** Fresh parameters `[P]`, PyTorch's default initialisation. The caller owns the tensor. */
  init(key: Key): tf.Tensor1D;
  /** Frequencies `[T, D]` from the noise of `key`. Differentiable in `parameters`, once. */
  frequencies(parameters: tf.Tensor1D, key: Key): tf.Tensor2D;
}

/**
 * The sampling network of NCFM.
 *
 * Differs (`scales`): the paper names a scale mixture of normals but not the network; here three linear layers with leaky
 * rectifiers between, without normalisation, and σ = exp(tanh(output)), so that training starts near N(0, I) and a scale stays
 * between 1/e and e. `code-tanh4` gives its four vectors once; the code repeats them 16 times, with the same mean.
 *
 * @see Wang et al., "Dataset Distillation with Neural Characteristic Function", section 3.3; gszfwsb/NCFM, NCFM/SampleNet.py.
 */
export function samplingNetwork(options: SamplingNetworkOptions): SamplingNetwork {
  const { kind, features, frequencies: count, width } = options;
  const batchNorm = kind === "code-tanh4";
  const rows = batchNorm ? CODE_ROWS : count / FREQUENCIES_PER_SCALE;
  const hidden = batchNorm ? features : width;
  const sizes: readonly (readonly [number, number])[] = [
    [hidden, hidden],
    [hidden, hidden],
    [hidden, features],
  ];
  const lengths = sizes.flatMap(([inputs, outputs]) => [
    inputs * outputs,
    outputs,
    ...(batchNorm ? [outputs, outputs] : []),
  ]);
  const perLayer = batchNorm ? 4 : 2;

  const layer = (x: tf.Tensor2D, parts: readonly tf.Tensor[], i: number): tf.Tensor2D => {
    const [inputs, outputs] = sizes[i]!;
    const [weight, bias, gamma, beta] = parts.slice(i * perLayer, (i + 1) * perLayer);
    const linear = tf.add(tf.matMul(x, tf.reshape(weight!, [inputs, outputs])), bias!) as tf.Tensor2D;
    return batchNorm ? normalised(linear, gamma!, beta!) : linear;
  };

  return {
    parameterCount: lengths.reduce((sum, length) => sum + length, 0),
    multiplyAdds: rows * sizes.reduce((sum, [inputs, outputs]) => sum + inputs * outputs, 0),
    init(key) {
      const parts = sizes.flatMap(([inputs, outputs], i) => {
        const bound = 1 / Math.sqrt(inputs);
        const own = foldIn(key, i);
        return [
          uniform(foldIn(own, "weight"), inputs * outputs, -bound, bound),
          uniform(foldIn(own, "bias"), outputs, -bound, bound),
          ...(batchNorm ? [new Float32Array(outputs).fill(1), new Float32Array(outputs)] : []),
        ];
      });
      return tf.tidy(() => tf.concat1d(parts.map((part) => tf.tensor1d(part))));
    },
    frequencies(parameters, key) {
      const parts = tf.split(parameters, lengths);
      const noise = tf.tensor2d(normal(foldIn(key, "noise"), rows * hidden), [rows, hidden]);
      const first = tf.leakyRelu(layer(noise, parts, 0), SLOPE);
      const second = tf.leakyRelu(layer(first, parts, 1), SLOPE);
      const bounded = tf.tanh(layer(second, parts, 2));
      if (batchNorm) return bounded;
      const scales = tf.reshape(tf.exp(bounded), [rows, 1, features]);
      const directions = gaussian(key, count, features);
      const grouped = tf.reshape(directions, [rows, FREQUENCIES_PER_SCALE, features]);
      return tf.reshape(tf.mul(grouped, scales), [count, features]);
    },
  };
}

/** Frequencies `[T, D]` from N(0, I): NCFM without a sampling network. */
export function gaussian(key: Key, count: number, features: number): tf.Tensor2D {
  return tf.tensor2d(normal(foldIn(key, "directions"), count * features), [count, features]);
}

/** Batch normalisation over the rows, by their own statistics. */
function normalised(x: tf.Tensor2D, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor2D {
  const centred = tf.sub(x, tf.mean(x, 0, true));
  const variance = tf.mean(tf.square(centred), 0, true);
  const unit = tf.mul(centred, tf.rsqrt(tf.add(variance, BATCH_NORM_EPSILON)));
  return tf.add(tf.mul(unit, gamma), beta);
}
