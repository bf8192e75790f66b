import * as tf from "@tensorflow/tfjs-core";
import {
  CONV_BLOCK,
  CONV_BLOCK_GRAD,
  CONV_BLOCK_GRAD_GRAD,
  type ConvBlockAttrs,
  type ConvBlockInputs,
} from "@limbeck/native";
import { NotDifferentiableError } from "../errors.ts";
import type { Differentiate } from "../nn/network.ts";
import { constantMoments, type ConvBlockOutput } from "./composed-conv-block.ts";
import { differentiableOp, type LazyGradients } from "./differentiable-op.ts";
import { ATTENTION_ONCE } from "./spatial-attention.ts";

/** Said when a derivative is asked for that `differentiate` excluded. */
export function excludedDerivative(input: string, differentiate: Differentiate): string {
  return (
    `convBlock: no derivative in ${input} was prepared (differentiate is "${differentiate}"); ` +
    `use differentiate "both"`
  );
}

type Named = Readonly<Record<string, tf.Tensor>>;

/** The block's inputs that exist, in the order of the kernels' outputs. */
const INPUT_NAMES = ["x", "filter", "bias", "gamma", "beta"] as const;

/** Which half of the backward passes is computed. */
interface Wants {
  readonly wantImages: boolean;
  readonly wantParameters: boolean;
  readonly differentiate: Differentiate;
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

/** Lazy gradients from tensors that are there already; those that were not computed refuse. */
function handOver(
  names: readonly string[],
  parts: ReadonlyMap<string, tf.Tensor>,
  wants: Wants,
): LazyGradients {
  return Object.fromEntries(
    names.map((name) => [
      name,
      () => {
        const part = parts.get(name);
        if (part === undefined)
          throw new NotDifferentiableError(excludedDerivative(name, wants.differentiate));
        return part;
      },
    ]),
  );
}

/**
 * The block as one kernel, its gradient as a second and the gradient of that as a third. Each backward kernel runs once and
 * hands out its parts; what the forward pass saved reaches both as an attribute and lives as long as the tape.
 */
export function fusedConvBlock(
  inputs: ConvBlockInputs,
  attrs: ConvBlockAttrs,
  differentiate: Differentiate,
  wantsMoments: boolean,
): ConvBlockOutput {
  const present = INPUT_NAMES.filter((name) => inputs[name] !== undefined);
  const named: Named = Object.fromEntries(present.map((name) => [name, inputs[name]!]));
  const wants: Wants = {
    wantImages: differentiate !== "parameters",
    wantParameters: differentiate !== "images",
    differentiate,
  };
  const hasAttention = attrs.attentionPower !== 0;
  const outputs = differentiableOp({
    inputs: named,
    forward: (save) => {
      const [p, a, saved, m] = tf
        .engine()
        .runKernel<tf.Tensor[]>(CONV_BLOCK, named as tf.NamedTensorMap, attrs as unknown as tf.NamedAttrMap);
      save([...present.map((name) => named[name]!), saved!]);
      return [p!, ...(hasAttention ? [a!] : []), ...(wantsMoments ? [m!] : [])];
    },
    backward: (dys, kept) => {
      const again: Named = Object.fromEntries(present.map((name, i) => [name, kept[i]!]));
      // The moments, a last output, are constants: nothing comes back from them.
      const upstream: Named = { dpooled: dys[0]!, ...(hasAttention ? { dattention: dys[1]! } : {}) };
      const gradients = fusedGradient(again, upstream, kept[present.length]!, attrs, wants);
      return handOver(present, gradients, wants);
    },
  });
  const [pooled, ...others] = outputs;
  return {
    pooled: pooled as tf.Tensor4D,
    ...(hasAttention ? { attention: others[0] as tf.Tensor3D } : {}),
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
  const attributes = { ...attrs, saved, wantImages: wants.wantImages, wantParameters: wants.wantParameters };
  const parts = differentiableOp({
    inputs: all,
    forward: (save) => {
      const outputs = tf
        .engine()
        .runKernel<tf.Tensor[]>(
          CONV_BLOCK_GRAD,
          all as tf.NamedTensorMap,
          attributes as unknown as tf.NamedAttrMap,
        );
      save([...present.map((name) => inputs[name]!), upstream["dpooled"]!, saved]);
      return wanted.map((name) => outputs[INPUT_NAMES.indexOf(name as "x")]!);
    },
    backward: (cotangents, kept) => {
      if (attrs.attentionPower !== 0) return refuseAll(Object.keys(all), ATTENTION_ONCE);
      const again: Named = Object.fromEntries(present.map((name, i) => [name, kept[i]!]));
      const [dpooled, savedAgain] = kept.slice(present.length) as [tf.Tensor, tf.Tensor];
      const tangents: Named = Object.fromEntries(wanted.map((name, i) => [`c${name}`, cotangents[i]!]));
      return fusedGradientOfGradient(again, dpooled, tangents, { ...attributes, saved: savedAgain }, wants);
    },
  });
  return new Map(wanted.map((name, i) => [name, parts[i]!]));
}

function fusedGradientOfGradient(
  inputs: Named,
  dpooled: tf.Tensor,
  cotangents: Named,
  attributes: object,
  wants: Wants,
): LazyGradients {
  const present = Object.keys(inputs);
  const all: Named = { ...inputs, dpooled, ...cotangents };
  const wanted = present.filter((name) => isWanted(name, wants));
  const parts = differentiableOp({
    inputs: all,
    forward: () => {
      const outputs = tf
        .engine()
        .runKernel<tf.Tensor[]>(
          CONV_BLOCK_GRAD_GRAD,
          all as tf.NamedTensorMap,
          attributes as tf.NamedAttrMap,
        );
      return [outputs[0]!, ...wanted.map((name) => outputs[1 + INPUT_NAMES.indexOf(name as "x")]!)];
    },
    backward: () =>
      refuseAll(Object.keys(all), "convBlock: the fused block has first and second derivatives only"),
  });
  const byName = new Map(wanted.map((name, i) => [name, parts[i + 1]!]));
  return { dpooled: () => parts[0]!, ...handOver(present, byName, wants) };
}

function refuseAll(names: readonly string[], message: string): LazyGradients {
  const refuse = () => {
    throw new NotDifferentiableError(message);
  };
  return Object.fromEntries(names.map((name) => [name, refuse]));
}
