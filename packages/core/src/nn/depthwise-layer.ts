import type * as tf from "@tensorflow/tfjs-core";
import type { ImageShape } from "../dataset/image-dataset.ts";
import { ConfigError } from "../errors.ts";
import { depthwiseConvolution } from "../grad/depthwise-convolution.ts";
import { batchNormFold, batchNormStep } from "./batch-norm.ts";
import type { ImageLayer, NetworkPlan } from "./network-plan.ts";

/**
 * Depthwise 3 × 3 convolution without bias, padded by 1, then batch normalisation. The filter is `[3, 3, C]`.
 *
 * @throws {ConfigError} if the image has no pixel left.
 */
export function depthwiseLayer(
  plan: NetworkPlan,
  name: string,
  input: ImageShape,
  stride: 1 | 2,
): ImageLayer {
  const [height, width, channels] = input;
  const [h, w] = [Math.floor((height - 1) / stride) + 1, Math.floor((width - 1) / stride) + 1];
  if (h < 1 || w < 1) {
    throw new ConfigError(`${name}: images of ${height}x${width} are too small for it; use larger images`);
  }
  const filter = plan.weight<tf.Tensor3D>(`${name}/depthwise`, [3, 3, channels], 9);
  const gamma = plan.affine<tf.Tensor1D>(`${name}/gamma`, [channels], 1);
  const beta = plan.affine<tf.Tensor1D>(`${name}/beta`, [channels], 0);
  plan.multiplyAdds += 9 * h * w * channels;
  plan.activationFloats += (height * width + h * w) * channels;
  const normalise = batchNormStep(gamma, beta, batchNormFold(plan, gamma, beta));
  return {
    outputShape: [h, w, channels],
    forward: (pass, x) => {
      pass.convolutionInputs?.push(x);
      return normalise(pass, depthwiseConvolution(x, filter(pass), { stride, pad: 1 }));
    },
  };
}
