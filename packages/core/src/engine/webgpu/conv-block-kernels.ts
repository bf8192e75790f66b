/** The fused block of {@link ConvBlockInputs} on WebGPU: tfjs's convolutions, and few launches for all that is between them. */
import * as tf from "@tensorflow/tfjs-core";
import {
  CONV_BLOCK,
  CONV_BLOCK_GRAD,
  CONV_BLOCK_GRAD_GRAD,
  type ConvBlockAttrs,
  type ConvBlockGradAttrs,
} from "@limbeck/native";
import { convolutionToFilter, convolutionToInput } from "../../grad/rules/linear.ts";
import {
  convolutionCurvature,
  curvatureMeans,
  curvatureSums,
  gammaCurvature,
  pooledCotangent,
} from "./block-curvature.ts";
import type { Block } from "./block-launch.ts";
import {
  attentions,
  convolutionGradient,
  gradientMeans,
  gradientSums,
  pooledActivation,
  sampleSums,
  statistics,
} from "./block-passes.ts";
import { convolutionOperands } from "./convolution-kernels.ts";

type Tensors = Readonly<Record<string, tf.Tensor | undefined>>;
type Kernel = (inputs: Tensors, attrs: ConvBlockGradAttrs, backend: tf.KernelBackend) => tf.Tensor[];

/** The kernels by name. They run in `tf.tidy` of their own. */
export const convBlockKernels: Readonly<Record<string, tf.KernelFunc>> = {
  [CONV_BLOCK]: kernel(forward),
  [CONV_BLOCK_GRAD]: kernel(backward),
  [CONV_BLOCK_GRAD_GRAD]: kernel(backwardOfBackward),
};

function kernel(run: Kernel): tf.KernelFunc {
  return ({ inputs, attrs, backend }) =>
    tf.tidy(() =>
      run(inputs as unknown as Tensors, attrs as unknown as ConvBlockGradAttrs, backend as tf.KernelBackend),
    );
}

/** Arrays that are there. */
function present(arrays: Tensors): Readonly<Record<string, tf.Tensor>> {
  return Object.fromEntries(Object.entries(arrays).filter(([, array]) => array !== undefined)) as Readonly<
    Record<string, tf.Tensor>
  >;
}

const NOTHING = (): tf.Tensor => tf.zeros([0]);

function convolutionAttributes({ stride, pad }: ConvBlockAttrs): tf.NamedAttrMap {
  return { strides: [stride, stride], pad, dataFormat: "NHWC", dilations: [1, 1] };
}

function convolve(
  x: tf.Tensor,
  filter: tf.Tensor,
  bias: tf.Tensor | undefined,
  attrs: ConvBlockAttrs,
): tf.Tensor4D {
  const attributes = convolutionAttributes(attrs);
  const plain = (): tf.Tensor4D => tf.engine().runKernel(tf.Conv2D, { x, filter }, attributes);
  if (bias === undefined) return plain();
  if (convolutionOperands() !== "float32") return tf.add(plain(), bias);
  return tf.engine().runKernel(tf.FusedConv2D, { x, filter, bias }, { ...attributes, activation: "linear" });
}

function forward(inputs: Tensors, attrs: ConvBlockAttrs, backend: tf.KernelBackend): tf.Tensor[] {
  const { x, filter, bias, gamma, beta } = inputs;
  const block: Block = { backend, attrs, u: convolve(x!, filter!, bias, attrs) };
  const { stats, moments } = statistics(block);
  const arrays = present({ u: block.u, stats, gamma, beta });
  const pooled = pooledActivation(block, arrays);
  const [ofPixels, ofChannels] =
    attrs.attentionPower === 0 ? [NOTHING(), NOTHING()] : attentions(block, arrays);
  return [pooled, ofPixels, block.u, moments ?? NOTHING(), ofChannels];
}

/** A bias before a normalisation of single channels changes nothing: its gradients are 0. */
function biasGradient(du: tf.Tensor, { norm, groups }: ConvBlockAttrs): tf.Tensor {
  const channels = du.shape[3]!;
  const isCancelled = norm === "batch" || (norm === "group" && groups === channels);
  return isCancelled ? tf.zeros([channels]) : tf.sum(du, [0, 1, 2]);
}

function backward(inputs: Tensors, attrs: ConvBlockGradAttrs, backend: tf.KernelBackend): tf.Tensor[] {
  const { x, filter, bias, gamma, beta, dpooled: dp, dattention, dchannelAttention } = inputs;
  const block: Block = { backend, attrs, u: attrs.saved as tf.Tensor4D };
  const { stats } = statistics(block);
  // With attention there would be one array too many.
  const affine =
    dattention !== undefined && gamma !== undefined && beta !== undefined
      ? { params: tf.concat([gamma, beta]) }
      : { gamma, beta };
  const arrays = present({ u: block.u, stats, ...affine, dp, dattention, dchannelAttention });
  const wantsAffine = attrs.wantParameters && gamma !== undefined;
  const sums = stats !== undefined || wantsAffine ? gradientSums(block, arrays) : undefined;
  const means = stats !== undefined ? gradientMeans(block, sums!, gamma) : undefined;
  const du = convolutionGradient(block, present({ ...arrays, means }));
  const parameter = (isThere: boolean, gradient: () => tf.Tensor) =>
    attrs.wantParameters && isThere ? gradient() : NOTHING();
  const attributes = convolutionAttributes(attrs);
  return [
    attrs.wantImages ? convolutionToInput(du, filter!, x!.shape, attributes) : NOTHING(),
    parameter(true, () => convolutionToFilter(x!, du, filter!.shape, attributes)),
    parameter(bias !== undefined, () => biasGradient(du, attrs)),
    parameter(gamma !== undefined, () =>
      sampleSums(block, "gamma gradient", { sums: sums! }, 2, "sums[at + 1]"),
    ),
    parameter(beta !== undefined, () => sampleSums(block, "beta gradient", { sums: sums! }, 2, "sums[at]")),
  ];
}

function backwardOfBackward(
  inputs: Tensors,
  attrs: ConvBlockGradAttrs,
  backend: tf.KernelBackend,
): tf.Tensor[] {
  const { x, filter, bias, gamma, beta, dpooled: dp, cx, cfilter, cbias, cgamma, cbeta } = inputs;
  const block: Block = { backend, attrs, u: attrs.saved as tf.Tensor4D };
  const { stats } = statistics(block);
  const channels = block.u.shape[3];
  const zeros = tf.zeros([channels]);
  const params = tf.concat([gamma ?? tf.ones([channels]), beta ?? zeros, cbias ?? zeros, cgamma ?? zeros, cbeta ?? zeros]); // prettier-ignore
  // G without the bias's part.
  const g1 = cx && convolve(cx, filter!, undefined, attrs);
  const g2 = cfilter && convolve(x!, cfilter, undefined, attrs);
  const base = present({ u: block.u, stats, params });
  const sums = stats && curvatureSums(block, present({ ...base, dp, g1, g2 }));
  const curvature = stats && curvatureMeans(block, sums!, stats, params);
  const gdpooled = pooledCotangent(block, present({ ...base, curvature, g1, g2 }));
  // Without normalisation u enters nothing but the mask.
  const uBar = stats && convolutionCurvature(block, present({ ...base, dp, curvature, g1, g2 }));
  const du = (): tf.Tensor4D => convolutionGradient(block, present({ ...base, dp, curvature }));
  const needsDu = (attrs.wantImages && cfilter !== undefined) || (attrs.wantParameters && cx !== undefined);
  const gradient = needsDu ? du() : undefined;
  const attributes = convolutionAttributes(attrs);
  const parameter = (isThere: boolean, value: () => tf.Tensor) =>
    attrs.wantParameters && isThere ? value() : NOTHING();
  return [
    gdpooled,
    attrs.wantImages
      ? total(
          x!.shape,
          uBar && convolutionToInput(uBar, filter!, x!.shape, attributes),
          cfilter && convolutionToInput(gradient!, cfilter, x!.shape, attributes),
        )
      : NOTHING(),
    parameter(true, () =>
      total(
        filter!.shape,
        uBar && convolutionToFilter(x!, uBar, filter!.shape, attributes),
        cx && convolutionToFilter(cx, gradient!, filter!.shape, attributes),
      ),
    ),
    parameter(bias !== undefined, () => (uBar ? biasGradient(uBar, attrs) : tf.zeros([channels]))),
    parameter(gamma !== undefined, () =>
      sums ? gammaCurvature(block, sums, stats, curvature!) : tf.zeros([channels]),
    ),
    parameter(beta !== undefined, () => tf.zeros([channels])),
  ];
}

/** Sum of the terms that are there. */
function total(shape: number[], ...terms: readonly (tf.Tensor | undefined)[]): tf.Tensor {
  const [first, second] = terms.filter((term) => term !== undefined);
  if (first === undefined) return tf.zeros(shape);
  return second === undefined ? first : tf.add(first, second);
}
