import * as tf from "@tensorflow/tfjs-core";
import { ConfigError } from "../errors.ts";

/** What an optimiser keeps between two updates: tensors of the parameters' shape, and plain numbers. */
export type OptimiserState = { readonly [name: string]: tf.Tensor | number };

/**
 * A pure update rule. `update` leaves its arguments alive and returns new tensors, which the caller owns. Not differentiable:
 * methods that differentiate through training write the step out.
 */
export interface Optimiser {
  /** State before the first update. */
  init(theta: tf.Tensor): OptimiserState;
  /**
   * @param theta Parameters of any shape; trainers use the flat vector `[P]`.
   * @param gradient Of the same shape.
   * @param learningRate Of this step: schedules are the caller's.
   */
  update<T extends tf.Tensor>(
    theta: T,
    gradient: T,
    state: OptimiserState,
    learningRate: number,
  ): { readonly theta: T; readonly state: OptimiserState };
}

export interface SgdOptions {
  readonly momentum?: number;
  /** λ of the penalty λ/2·‖θ‖², whose gradient is added to the loss's. */
  readonly weightDecay?: number;
  readonly nesterov?: boolean;
}

/**
 * Stochastic gradient descent as PyTorch has it:
 *
 *     g ← g + λθ      v ← μv + g      θ ← θ − η·v      (Nesterov: θ ← θ − η·(g + μv))
 *
 * State: `velocity`, absent without momentum.
 *
 * @throws {ConfigError} on a momentum outside [0, 1), a negative decay, or Nesterov without momentum.
 */
export function sgd({ momentum = 0, weightDecay = 0, nesterov = false }: SgdOptions = {}): Optimiser {
  checkRange("sgd", "momentum", momentum, 0, 1);
  checkRange("sgd", "weightDecay", weightDecay, 0, Infinity);
  if (nesterov && momentum === 0)
    throw new ConfigError("sgd: nesterov needs a momentum above 0, got 0; set one");
  return {
    init: (theta) => (momentum === 0 ? {} : { velocity: tf.zerosLike(theta) }),
    update: <T extends tf.Tensor>(theta: T, gradient: T, state: OptimiserState, learningRate: number) => {
      const [next, velocity] = tf.tidy(() => {
        const g = decayed(gradient, theta, weightDecay);
        if (momentum === 0) return [stepAlong(theta, g, learningRate)];
        const v = tf.add(tf.mul(state["velocity"] as tf.Tensor, momentum), g);
        const direction = nesterov ? tf.add(g, tf.mul(v, momentum)) : v;
        return [stepAlong(theta, direction, learningRate), v];
      });
      return { theta: next as T, state: velocity === undefined ? {} : { velocity } };
    },
  };
}

export interface AdamOptions {
  readonly betas?: readonly [first: number, second: number];
  readonly epsilon?: number;
  readonly weightDecay?: number;
}

/**
 * Adam as PyTorch has it; `weightDecay` adds λθ to the gradient.
 *
 *     m ← β₁m + (1 − β₁)g    s ← β₂s + (1 − β₂)g²    θ ← θ − η·m̂ / (√ŝ + ε),  m̂ = m/(1 − β₁ᵗ), ŝ = s/(1 − β₂ᵗ)
 *
 * State: `mean` m, `square` s, `step` t.
 *
 * @throws {ConfigError} on values out of range.
 * @see Kingma and Ba, "Adam: a method for stochastic optimization" (ICLR 2015), algorithm 1.
 */
export function adam(options: AdamOptions = {}): Optimiser {
  return adamRule("adam", options, 0, false);
}

/**
 * Adam with decoupled weight decay: θ ← (1 − ηλ)·θ before the step. λ is 0.01 unless given.
 *
 * @throws {ConfigError} on values out of range.
 * @see Loshchilov and Hutter, "Decoupled weight decay regularization" (ICLR 2019), algorithm 2.
 */
export function adamw(options: AdamOptions = {}): Optimiser {
  return adamRule("adamw", options, 0.01, true);
}

function adamRule(
  name: string,
  { betas = [0.9, 0.999], epsilon = 1e-8, weightDecay }: AdamOptions,
  defaultDecay: number,
  decoupled: boolean,
): Optimiser {
  const decay = weightDecay ?? defaultDecay;
  checkRange(name, "betas[0]", betas[0], 0, 1);
  checkRange(name, "betas[1]", betas[1], 0, 1);
  checkRange(name, "epsilon", epsilon, 0, Infinity);
  checkRange(name, "weightDecay", decay, 0, Infinity);
  return {
    init: (theta) => ({ mean: tf.zerosLike(theta), square: tf.zerosLike(theta), step: 0 }),
    update: <T extends tf.Tensor>(theta: T, gradient: T, state: OptimiserState, learningRate: number) => {
      const step = (state["step"] as number) + 1;
      const [next, mean, square] = tf.tidy(() => {
        const g = decoupled ? gradient : decayed(gradient, theta, decay);
        const m = tf.add(tf.mul(state["mean"] as tf.Tensor, betas[0]), tf.mul(g, 1 - betas[0]));
        const s = tf.add(tf.mul(state["square"] as tf.Tensor, betas[1]), tf.mul(tf.square(g), 1 - betas[1]));
        const root = tf.add(tf.div(tf.sqrt(s), Math.sqrt(1 - betas[1] ** step)), epsilon);
        const from = decoupled ? tf.mul(theta, 1 - learningRate * decay) : theta;
        return [stepAlong(from, tf.div(m, root), learningRate / (1 - betas[0] ** step)), m, s];
      }) as [tf.Tensor, tf.Tensor, tf.Tensor];
      return { theta: next as T, state: { mean, square, step } };
    },
  };
}

function decayed(gradient: tf.Tensor, theta: tf.Tensor, weightDecay: number): tf.Tensor {
  return weightDecay === 0 ? gradient : tf.add(gradient, tf.mul(theta, weightDecay));
}

function stepAlong(theta: tf.Tensor, direction: tf.Tensor, rate: number): tf.Tensor {
  return tf.sub(theta, tf.mul(direction, rate));
}

function checkRange(where: string, name: string, value: number, low: number, high: number): void {
  if (!(value >= low && value < high)) {
    const range = high === Infinity ? `at least ${low}` : `at least ${low} and below ${high}`;
    throw new ConfigError(`${where}: ${name} must be ${range}, got ${value}`);
  }
}
