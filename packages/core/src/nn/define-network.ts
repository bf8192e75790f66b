import * as tf from "@tensorflow/tfjs-core";
import type { ImageShape } from "../dataset/image-dataset.ts";
import { ConfigError, ShapeError } from "../errors.ts";
import { refuseGradient } from "../grad/differentiable-op.ts";
import { ensureGradients } from "../grad/ensure-gradients.ts";
import { uniform } from "../random/draw.ts";
import { foldIn, type Key } from "../random/key.ts";
import type { ApplyOptions, Network, NetworkOutput, NetworkStatistics } from "./network.ts";
import { NetworkPlan, type ForwardPass } from "./network-plan.ts";

/** What every factory of the zoo takes. */
export interface NetworkInput {
  readonly inputShape: ImageShape;
  readonly classes: number;
}

/** The layers of a network from the images to its class scores. */
export type Forward = (
  pass: ForwardPass,
  images: tf.Tensor4D,
) => { readonly logits: tf.Tensor2D; readonly embedding: tf.Tensor2D };

/**
 * Makes a {@link Network} from its layers.
 *
 * @param build Lays out the layers (their order is that of θ) and returns the forward pass.
 * @throws {ConfigError} if the input shape or the number of classes is not of positive whole numbers.
 */
export function defineNetwork(
  name: string,
  input: NetworkInput,
  build: (plan: NetworkPlan) => Forward,
): Network {
  const { inputShape, classes } = input;
  if (inputShape.length !== 3 || inputShape.some((n) => !Number.isInteger(n) || n < 1)) {
    throw new ConfigError(`${name}: inputShape must be [height, width, channels], got [${inputShape}]`);
  }
  if (!Number.isInteger(classes) || classes < 1) {
    throw new ConfigError(`${name}: classes must be a positive whole number, got ${classes}`);
  }
  const plan = new NetworkPlan();
  const forward = build(plan);
  const { parameters, parameterCount, batchNormLayers } = plan;
  const sizes = parameters.map((entry) => entry.size);

  function check(theta: tf.Tensor1D, images: tf.Tensor4D): void {
    if (theta.rank !== 1 || theta.shape[0] !== parameterCount) {
      throw new ShapeError(`${name}: theta must have shape [${parameterCount}], got [${theta.shape}]`);
    }
    const [h, w, c] = inputShape;
    if (images.rank !== 4 || images.shape[1] !== h || images.shape[2] !== w || images.shape[3] !== c) {
      throw new ShapeError(`${name}: images must have shape [N,${h},${w},${c}], got [${images.shape}]`);
    }
  }

  function checkStatistics(statistics: NetworkStatistics): void {
    const { mean, variance } = statistics;
    if (mean.length !== batchNormLayers || variance.length !== batchNormLayers) {
      throw new ShapeError(
        `${name}: statistics must have ${batchNormLayers} means and variances, got ${mean.length} and ${variance.length}`,
      );
    }
  }

  function split(theta: tf.Tensor1D): tf.Tensor[] {
    return tf.split(theta, sizes).map((part, i) => tf.reshape(part, [...parameters[i]!.shape]));
  }

  return {
    name,
    inputShape,
    classes,
    parameterCount,
    parameters,
    usesBatchStatistics: batchNormLayers > 0,
    multiplyAdds: plan.multiplyAdds,
    activationFloats: plan.activationFloats,

    init(key: Key): tf.Tensor1D {
      const theta = new Float32Array(parameterCount);
      for (const { name: entry, offset, size, init } of parameters) {
        if (init.kind === "constant") theta.fill(init.value, offset, offset + size);
        else theta.set(uniform(foldIn(key, entry), size, -init.bound, init.bound), offset);
      }
      return tf.tensor1d(theta);
    },

    apply(theta: tf.Tensor1D, images: tf.Tensor4D, options: ApplyOptions = {}): NetworkOutput {
      check(theta, images);
      ensureGradients();
      const { statistics = "batch", activations = false, attentionPower, differentiate = "both" } = options;
      const { normalisationInputs = false, convolutionInputs = false } = options;
      if (statistics !== "batch") checkStatistics(statistics);
      if (attentionPower !== undefined && !(attentionPower > 0)) {
        throw new ConfigError(`${name}: attentionPower must be positive, got ${attentionPower}`);
      }
      const excluded = (what: string) =>
        `${name}: no derivative in ${what} was prepared (differentiate is "${differentiate}")`;
      const result = tf.tidy(() => {
        const x = differentiate === "parameters" ? refuseGradient(images, excluded("the images")) : images;
        const parametersOf = differentiate === "images" ? refuseGradient(theta, excluded("theta")) : theta;
        const pass: ForwardPass = {
          parameters: split(parametersOf),
          statistics,
          attentionPower: attentionPower ?? 0,
          ...(activations ? { activations: [] } : {}),
          ...(attentionPower === undefined ? {} : { attention: [] }),
          ...(normalisationInputs ? { normalisationInputs: [] } : {}),
          ...(convolutionInputs ? { convolutionInputs: [] } : {}),
        };
        const output = forward(pass, x);
        return {
          ...output,
          ...(pass.activations === undefined ? {} : { activations: pass.activations }),
          ...(pass.attention === undefined
            ? {}
            : {
                attention: pass.attention.map(({ attention }) => attention),
                channelAttention: pass.attention.map(({ channelAttention }) => channelAttention),
              }),
          ...(pass.normalisationInputs === undefined
            ? {}
            : { normalisationInputs: pass.normalisationInputs }),
          ...(pass.convolutionInputs === undefined ? {} : { convolutionInputs: pass.convolutionInputs }),
        };
      });
      return result;
    },

    batchStatistics(theta: tf.Tensor1D, images: tf.Tensor4D): NetworkStatistics {
      check(theta, images);
      ensureGradients();
      const observed = { mean: [] as tf.Tensor1D[], variance: [] as tf.Tensor1D[], count: [] as number[] };
      if (batchNormLayers === 0) return { mean: [], variance: [] };
      return tf.tidy(() => {
        forward(
          {
            parameters: split(theta),
            statistics: "batch",
            attentionPower: 0,
            observed,
          },
          images,
        );
        return observed;
      });
    },
  };
}
