import * as tf from "@tensorflow/tfjs-core";
import { NotDifferentiableError } from "../errors.ts";

/** Gradients by input name, computed only when asked for. */
export type LazyGradients = Readonly<Record<string, () => tf.Tensor>>;

/** What one backward pass through an operation is wanted for. */
export interface Asked {
  /** Names of the inputs whose gradients will be asked for. */
  readonly inputs: ReadonlySet<string>;
  /** Of each output, whether anything came back from it; its gradient is zeros otherwise. */
  readonly outputs: readonly boolean[];
}

interface OpSpecification {
  /** Tensors that derivatives may be taken in; all others reach `forward` and `backward` by closure or `save`. */
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  /** Computes the outputs. Nothing in here is recorded; `save` keeps tensors for `backward` and is free when nothing is recorded. */
  readonly forward: (save: (tensors: tf.Tensor[]) => void) => tf.Tensor[];
  /**
   * Gradients of the inputs, given those of all outputs (zeros where an output was not used) and the saved tensors. `asked` lets
   * an operation that computes several gradients together leave out those that this pass has no use for.
   */
  readonly backward: (dys: tf.Tensor[], saved: tf.Tensor[], asked: Asked) => LazyGradients;
}

/** A recorded operation. A backward pass calls `gradient` on a copy whose inputs are those that gradients are wanted for. */
interface TapeNode {
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly outputs: readonly tf.Tensor[];
  gradient: (dys: (tf.Tensor | null)[]) => LazyGradients;
}

/** The part of tfjs's engine that `tf.customGrad` is made of. */
interface EngineInternals {
  readonly state: { readonly activeTape: TapeNode[] | null };
  runKernelFunc(parameters: {
    forwardFunc: (backend: unknown, save: (tensors: tf.Tensor[]) => void) => tf.Tensor[];
    backwardsFunc: ((dys: tf.Tensor | tf.Tensor[], saved: tf.Tensor[]) => LazyGradients) | null;
    inputs: Readonly<Record<string, tf.Tensor>>;
  }): tf.Tensor[];
}

function engine(): EngineInternals {
  return tf.engine() as unknown as EngineInternals;
}

/**
 * An operation with a hand-written derivative. Beyond `tf.customGrad`: several outputs, named inputs, and gradients that are
 * computed only for the inputs that need them.
 *
 * `backward` is differentiable again where it is written in differentiable operations on `dys` and `saved`. Save inputs and
 * opaque values only: tfjs records a saved *output* before the operation that made it, so derivatives do not flow through
 * it, without any error.
 */
export function differentiableOp(specification: OpSpecification): tf.Tensor[] {
  const { inputs, forward, backward } = specification;
  let asked: Asked | undefined;
  const outputs = engine().runKernelFunc({
    inputs,
    forwardFunc: (_, save) => forward(save),
    backwardsFunc: (dys, saved) => backward(Array.isArray(dys) ? dys : [dys], saved, asked!),
  });
  // tfjs tells an operation's gradient neither which inputs it is for nor which outputs were used; the recorded node knows both.
  const node = engine().state.activeTape?.at(-1);
  if (node?.outputs[0] === outputs[0] && node !== undefined) {
    const { gradient } = node;
    node.gradient = function (this: TapeNode, dys) {
      asked = { inputs: new Set(Object.keys(this.inputs)), outputs: dys.map((dy) => dy !== null) };
      return gradient(dys);
    };
  }
  return outputs;
}

/** {@link differentiableOp} with one output. */
export function differentiableOp1<T extends tf.Tensor>(specification: {
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly forward: (save: (tensors: tf.Tensor[]) => void) => T;
  readonly backward: (dy: T, saved: tf.Tensor[]) => LazyGradients;
}): T {
  const { inputs, forward, backward } = specification;
  const [y] = differentiableOp({
    inputs,
    forward: (save) => [forward(save)],
    backward: (dys, saved) => backward(dys[0] as T, saved),
  });
  return y as T;
}

/** The value of `f()` as a constant: derivatives do not pass through it and nothing is recorded (masks, maxima, shapes). */
export function constant<T extends tf.Tensor>(f: () => T): T {
  const [y] = engine().runKernelFunc({ inputs: {}, forwardFunc: () => [f()], backwardsFunc: null });
  return y as T;
}

/** `x` itself; a derivative that reaches it throws {@link NotDifferentiableError} with `message`. */
export function refuseGradient<T extends tf.Tensor>(x: T, message: string): T {
  return differentiableOp1<T>({
    inputs: { x },
    forward: () => tf.clone(x),
    backward: () => ({
      x: () => {
        throw new NotDifferentiableError(message);
      },
    }),
  });
}

/** `x` itself; it passes first derivatives, and a second one throws {@link NotDifferentiableError} with `message`. */
export function onceDifferentiable<T extends tf.Tensor>(x: T, message: string): T {
  return differentiableOp1<T>({
    inputs: { x },
    forward: () => tf.clone(x),
    backward: (dy) => ({ x: () => refuseGradient(dy, message) }),
  });
}
