import * as tf from "@tensorflow/tfjs-core";
import type { SafetensorsTensor } from "../artifact/safetensors.ts";
import { RunError } from "../errors.ts";
import type { MethodState } from "../method/method.ts";
import { disposeState, isTensor, stateTensors } from "../method/state-tensors.ts";

/** A state without its numbers in bulk: a tree in JSON whose leaves may point to tensors of a safetensors file. */
export type StateTree = { readonly [name: string]: StateLeaf };
type StateLeaf =
  | string
  | boolean
  | number
  /** Not every number is JSON: `NaN`, `Infinity`, `-Infinity`, `-0`. */
  | { readonly number: string }
  | { readonly tensor: string; readonly dtype: TensorType }
  | { readonly tree: StateTree };
type TensorType = (typeof TENSOR_TYPES)[number];
const TENSOR_TYPES = ["float32", "int32", "bool"] as const;

/** A state taken out of the back end: what a checkpoint stores. */
export interface EncodedState {
  readonly tree: StateTree;
  readonly tensors: Readonly<Record<string, SafetensorsTensor>>;
}

/**
 * Copies a state out of the back end, bit for bit.
 *
 * @param kept Ends the messages: what was saved before.
 * @throws {RunError} if a tensor is not float32, int32 or bool, or a float is not finite: such a state is not worth keeping.
 */
export async function encodeState(state: MethodState, where: string, kept = ""): Promise<EncodedState> {
  const tensors: Record<string, SafetensorsTensor> = {};
  for (const { path, tensor } of stateTensors(state)) {
    if (!TENSOR_TYPES.some((type) => type === tensor.dtype)) {
      throw new RunError(
        `${where}: state ${path.join(".")} has dtype ${tensor.dtype}, wanted ${TENSOR_TYPES.join(", ")}`,
      );
    }
    const data = await tensor.data();
    const bad = data instanceof Float32Array ? firstNotFinite(data) : -1;
    if (bad >= 0) {
      throw new RunError(
        `${where}: state ${path.join(".")} is not finite, element ${bad} is ${data[bad]}; ` +
          `start again with a lower learning rate, or look for a division by zero${kept}`,
      );
    }
    tensors[tensorName(path)] = { shape: tensor.shape, data };
  }
  return { tree: encodeTree(state, []), tensors };
}

/**
 * Puts a state back into the back end. The caller owns the tensors.
 *
 * @throws {RunError} if the tree names a tensor that is not there.
 */
export function decodeState({ tree, tensors }: EncodedState, where: string): MethodState {
  const made: Record<string, tf.Tensor> = {};
  const tensorAt = (name: string, dtype: TensorType): tf.Tensor => {
    const stored = tensors[name];
    if (stored === undefined) {
      disposeState(made);
      throw new RunError(`${where}: tensor "${name}" is missing; the checkpoint is damaged`);
    }
    return (made[name] = tf.tensor(stored.data as tf.TypedArray, [...stored.shape], dtype));
  };
  const decodeTree = (node: StateTree): MethodState =>
    Object.fromEntries(Object.entries(node).map(([name, leaf]) => [name, decodeLeaf(leaf)]));
  const decodeLeaf = (leaf: StateLeaf): MethodState[string] => {
    if (typeof leaf !== "object") return leaf;
    if ("number" in leaf) return Number(leaf.number);
    return "tree" in leaf ? decodeTree(leaf.tree) : tensorAt(leaf.tensor, leaf.dtype);
  };
  return decodeTree(tree);
}

/** Position of the first NaN or infinity, -1 without one. */
export function firstNotFinite(values: ArrayLike<number>): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
}

function encodeTree(state: MethodState, above: readonly string[]): StateTree {
  return Object.fromEntries(
    Object.entries(state).map(([name, node]): [string, StateLeaf] => {
      const path = [...above, name];
      if (typeof node === "number") return [name, encodeNumber(node)];
      if (typeof node !== "object") return [name, node];
      if (isTensor(node)) return [name, { tensor: tensorName(path), dtype: node.dtype as TensorType }];
      return [name, { tree: encodeTree(node, path) }];
    }),
  );
}

function encodeNumber(value: number): StateLeaf {
  if (Object.is(value, -0)) return { number: "-0" };
  return Number.isFinite(value) ? value : { number: String(value) };
}

/** `a/b` for `{ a: { b: tensor } }`; names are escaped, so two tensors never get the same one. */
function tensorName(path: readonly string[]): string {
  return path.map(encodeURIComponent).join("/");
}
