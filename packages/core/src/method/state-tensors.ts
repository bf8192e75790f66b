import type * as tf from "@tensorflow/tfjs-core";
import type { MethodState } from "./method.ts";

/** A tensor of a state and the names that lead to it. */
export interface NamedTensor {
  readonly path: readonly string[];
  readonly tensor: tf.Tensor;
}

/** A node of a state is a tensor: it carries a data id. */
export function isTensor(node: MethodState[string]): node is tf.Tensor {
  return typeof node === "object" && "dataId" in node;
}

/** Every tensor of a state, depth first in the order of the keys. */
export function stateTensors(state: MethodState): NamedTensor[] {
  return Object.entries(state).flatMap(([name, node]): NamedTensor[] => {
    if (isTensor(node)) return [{ path: [name], tensor: node }];
    if (typeof node !== "object") return [];
    return stateTensors(node).map(({ path, tensor }) => ({ path: [name, ...path], tensor }));
  });
}

/** Disposes of the tensors of `old` that `next` does not go on using; all of them without `next`. */
export function disposeState(old: MethodState, next?: MethodState): void {
  const kept = new Set(next === undefined ? [] : stateTensors(next).map(({ tensor }) => tensor));
  for (const { tensor } of stateTensors(old)) if (!kept.has(tensor)) tensor.dispose();
}
