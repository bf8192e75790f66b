import * as tf from "@tensorflow/tfjs-core";
import {
  CONV_BLOCK,
  CONV_BLOCK_GRAD,
  CONV_BLOCK_GRAD_GRAD,
  type ConvBlockAttrs,
  type ConvBlockInputs,
} from "@limbeck/native";
import { NotDifferentiableError } from "../errors.ts";
import { constantMoments, type ConvBlockOutput } from "./composed-conv-block.ts";
import { type Asked, differentiableOp, type LazyGradients } from "./differentiable-op.ts";
import { ATTENTION_ONCE } from "./attention.ts";

type Named = Readonly<Record<string, tf.Tensor>>;

/** The block's inputs that exist, in the order of the kernels' outputs. */
const INPUT_NAMES = ["x", "filter", "bias", "gamma", "beta"] as const;

/** Which half of a backward pass is computed: what it was asked for, and no more. */
interface Wants {
  readonly wantImages: boolean;
  readonly wantParameters: boolean;
}

function wantsOf({ inputs }: Asked): Wants {
  return {
    wantImages: inputs.has("x"),
    wantParameters: INPUT_NAMES.some((name) => name !== "x" && inputs.has(name)),
  };
}

function isWanted(name: string, wants: Wants): boolean {
  return name === "x" ? wants.wantImages : wants.wantParameters;
}

/** Whether the current back end has the three kernels of the fused block. */
export function hasFusedConvBlock(): boolean {
  const backend = tf.getBackend();
  return [CONV_BLOCK, CONV_BLOCK_GRAD, CONV_BLOCK_GRAD_GRAD].every(
    (name) => tf.getKernel(name, backend) !== undefined,
  );
}

/** Gradients that are there already. */
function handOver(parts: ReadonlyMap<string, tf.Tensor>): LazyGradients {
  return Object.fromEntries(Array.from(parts, ([name, part]) => [name, () => part]));
}

/**
 * The block as one kernel, its gradient as a second and the gradient of that as a third. Each backward kernel runs once, computes
 * the half (images, parameters) that it is asked for, and hands out its parts; what the forward pass saved reaches both as an
 * attribute and lives as long as the tape.
 */
export function fusedConvBlock(
  inputs: ConvBlockInputs,
  attrs: ConvBlockAttrs,
  wantsMoments: boolean,
): ConvBlockOutput {
  const present = INPUT_NAMES.filter((name) => inputs[name] !== undefined);
  const named: Named = Object.fromEntries(present.map((name) => [name, inputs[name]!]));
  const hasAttention = attrs.attentionPower !== 0;
  const outputs = differentiableOp({
    inputs: named,
    forward: (save) => {
      const [p, a, saved, m, c] = tf
        .engine()
        .runKernel<tf.Tensor[]>(CONV_BLOCK, named as tf.NamedTensorMap, attrs as unknown as tf.NamedAttrMap);
      save([...present.map((name) => named[name]!), saved!]);
      return [p!, ...(hasAttention ? [a!, c!] : []), ...(wantsMoments ? [m!] : [])];
    },
    backward: (dys, kept, asked) => {
      const again: Named = Object.fromEntries(present.map((name, i) => [name, kept[i]!]));
      // The moments, a last output, are constants: nothing comes back from them.
      const upstream: Named = {
        dpooled: dys[0]!,
        ...(hasAttention ? { dattention: dys[1]!, dchannelAttention: dys[2]! } : {}),
      };
      return handOver(fusedGradient(again, upstream, kept[present.length]!, attrs, wantsOf(asked)));
    },
  });
  const [pooled, ...others] = outputs;
  return {
    pooled: pooled as tf.Tensor4D,
    ...(hasAttention
      ? { attention: others[0] as tf.Tensor3D, channelAttention: others[1] as tf.Tensor2D }
      : {}),
    ...(wantsMoments ? { moments: constantMoments(() => tf.clone(others.at(-1)!)) } : {}),
  };
}

function fusedGradient(
  inputs: Named,
  upstream: Named,
  saved: tf.Tensor,
  attrs: ConvBlockAttrs,
  wants: Wants,
) {
  const present = Object.keys(inputs);
  const wanted = present.filter((name) => isWanted(name, wants));
  const all: Named = { ...inputs, ...upstream };
  const parts = differentiableOp({
    inputs: all,
    forward: (save) => {
      const outputs = tf
        .engine()
        .runKernel<tf.Tensor[]>(
          CONV_BLOCK_GRAD,
          all as tf.NamedTensorMap,
          { ...attrs, saved, ...wants } as unknown as tf.NamedAttrMap,
        );
      save([...present.map((name) => inputs[name]!), upstream["dpooled"]!, saved]);
      return wanted.map((name) => outputs[INPUT_NAMES.indexOf(name as "x")]!);
    },
    backward: (cotangents, kept, asked) => {
      if (attrs.attentionPower !== 0) return refuseAll(Object.keys(all), ATTENTION_ONCE);
      const again: Named = Object.fromEntries(present.map((name, i) => [name, kept[i]!]));
      const [dpooled, savedAgain] = kept.slice(present.length) as [tf.Tensor, tf.Tensor];
      const used = wanted.flatMap((name, i) => (asked.outputs[i] ? [[`c${name}`, cotangents[i]!]] : []));
      const attributes = { ...attrs, saved: savedAgain, ...wantsOf(asked) };
      return fusedGradientOfGradient(again, dpooled, Object.fromEntries(used) as Named, attributes);
    },
  });
  return new Map(wanted.map((name, i) => [name, parts[i]!]));
}

function fusedGradientOfGradient(
  inputs: Named,
  dpooled: tf.Tensor,
  cotangents: Named,
  attributes: Wants,
): LazyGradients {
  const all: Named = { ...inputs, dpooled, ...cotangents };
  const wanted = Object.keys(inputs).filter((name) => isWanted(name, attributes));
  const [gdpooled, ...parts] = differentiableOp({
    inputs: all,
    forward: () => {
      const outputs = tf
        .engine()
        .runKernel<tf.Tensor[]>(
          CONV_BLOCK_GRAD_GRAD,
          all as tf.NamedTensorMap,
          attributes as unknown as tf.NamedAttrMap,
        );
      return [outputs[0]!, ...wanted.map((name) => outputs[1 + INPUT_NAMES.indexOf(name as "x")]!)];
    },
    backward: () =>
      refuseAll(Object.keys(all), "convBlock: the fused block has first and second derivatives only"),
  });
  return { dpooled: () => gdpooled!, ...handOver(new Map(wanted.map((name, i) => [name, parts[i]!]))) };
}

function refuseAll(names: readonly string[], message: string): LazyGradients {
  const refuse = () => {
    throw new NotDifferentiableError(message);
  };
  return Object.fromEntries(names.map((name) => [name, refuse]));
}
