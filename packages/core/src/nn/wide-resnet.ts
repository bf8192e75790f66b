import * as tf from "@tensorflow/tfjs-core";
import type { ImageShape } from "../dataset/image-dataset.ts";
import { ConfigError } from "../errors.ts";
import { batchNormFold, batchNormStep, type BatchNormStep } from "./batch-norm.ts";
import { convLayer, recordBlock } from "./conv-layer.ts";
import type { NetworkInput } from "./define-network.ts";
import { checkWidth, featureNetwork } from "./feature-network.ts";
import type { ImageLayer, NetworkPlan } from "./network-plan.ts";
import type { Network } from "./network.ts";

export interface WideResNetOptions extends NetworkInput {
  /** Layers with parameters: 6n + 4. Default 16. */
  readonly depth?: number;
  /** Filters of the three stages in units of `width`, 2 and 4 times `width`. Default 2. */
  readonly widening?: number;
  /** Filters of the stem. Default 16. */
  readonly width?: number;
}

const STAGES = 3;

/**
 * Wide residual networks: 3 × 3 stem, three stages of n units that normalise and activate before their convolutions, batch normalisation
 * and ReLU once more, average over all positions, one linear layer. Its blocks are the 3n units and the last activation.
 *
 * @throws {ConfigError} if an option is out of range or the images are too small.
 * @see Zagoruyko and Komodakis, "Wide Residual Networks" (BMVC 2016), table 1, B(3, 3).
 */
export function wideResnet(options: WideResNetOptions): Network {
  const { depth = 16, widening = 2, width = 16 } = options;
  const name = `wrn-${depth}-${widening}${width === 16 ? "" : `-w${width}`}`;
  checkWidth(name, width);
  checkWidth(name, widening);
  const units = (depth - 4) / (2 * STAGES);
  if (!Number.isInteger(units) || units < 1) {
    throw new ConfigError(`${name}: depth must be 6n + 4, such as 16, 28 or 40, got ${depth}`);
  }
  return featureNetwork(name, { ...options, globalPooling: true }, (plan, input) => {
    const layers: ImageLayer[] = [convLayer(plan, "stem", input, { ...PLAIN, filters: width, ...THREE })];
    for (let stage = 0; stage < STAGES; stage++) {
      for (let unit = 0; unit < units; unit++) {
        const stride = stage > 0 && unit === 0 ? 2 : 1;
        const place = `stage${stage + 1}/block${unit + 1}`;
        layers.push(wideUnit(plan, place, layers.at(-1)!.outputShape, (widening * width) << stage, stride));
      }
    }
    const { outputShape } = layers.at(-1)!;
    const last = normalisedRelu(plan, "last", outputShape);
    layers.push({ outputShape, forward: (pass, x) => recorded(pass, last(pass, x)) });
    return layers;
  });
}

/** A convolution and nothing else. */
const PLAIN = { bias: false, norm: "none", activation: "identity", isBlock: false } as const;
const THREE = { kernel: 3, pad: 1 } as const;

/** Where the shape changes, the shortcut is a 1 × 1 convolution of the normalised and activated input; else the input itself. */
function wideUnit(
  plan: NetworkPlan,
  name: string,
  input: ImageShape,
  filters: number,
  stride: 1 | 2,
): ImageLayer {
  const before = normalisedRelu(plan, `${name}/norm1`, input);
  const middle = { ...PLAIN, ...THREE, filters, stride, norm: "batch", activation: "relu" } as const;
  const first = convLayer(plan, `${name}/conv1`, input, middle);
  const second = convLayer(plan, `${name}/conv2`, first.outputShape, { ...PLAIN, ...THREE, filters });
  const shortcut =
    stride === 2 || input[2] !== filters
      ? convLayer(plan, `${name}/shortcut`, input, { ...PLAIN, filters, kernel: 1, pad: 0, stride })
      : undefined;
  return {
    outputShape: second.outputShape,
    forward(pass, x) {
      const a = before(pass, x);
      const side = shortcut === undefined ? x : shortcut.forward(pass, a);
      return recorded(pass, tf.add(second.forward(pass, first.forward(pass, a)), side));
    },
  };
}

function normalisedRelu(
  plan: NetworkPlan,
  name: string,
  [height, width, channels]: ImageShape,
): BatchNormStep {
  const gamma = plan.affine<tf.Tensor1D>(`${name}/gamma`, [channels], 1);
  const beta = plan.affine<tf.Tensor1D>(`${name}/beta`, [channels], 0);
  plan.activationFloats += 2 * height * width * channels;
  const normalise = batchNormStep(gamma, beta, batchNormFold(plan, gamma, beta));
  return (pass, x) => tf.relu(normalise(pass, x));
}

function recorded(pass: Parameters<typeof recordBlock>[0], a: tf.Tensor4D): tf.Tensor4D {
  recordBlock(pass, a);
  return a;
}
