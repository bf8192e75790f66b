import * as tf from "@tensorflow/tfjs-core";
import { constant, type LazyGradients } from "../differentiable-op.ts";
import { sumTo } from "./sum-to.ts";

/** Gradients in both operands before broadcasting is undone. */
type BinaryRule = (dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor) => { a: () => tf.Tensor; b: () => tf.Tensor };

function mask(f: () => tf.Tensor): tf.Tensor {
  return constant(() => tf.cast(f(), "float32"));
}

/** Gradients of the kernels with two inputs `a` and `b` that broadcast against each other. */
export const binaryRules: Readonly<Record<string, BinaryRule>> = {
  [tf.Add]: (dy) => ({ a: () => tf.clone(dy), b: () => tf.clone(dy) }),
  [tf.Atan2]: (dy, a, b) => {
    const over = () => tf.div(dy, tf.add(tf.square(a), tf.square(b)));
    return { a: () => tf.mul(over(), b), b: () => tf.neg(tf.mul(over(), a)) };
  },
  [tf.Maximum]: (dy, a, b) => ({
    a: () =>
      tf.mul(
        dy,
        mask(() => tf.greaterEqual(a, b)),
      ),
    b: () =>
      tf.mul(
        dy,
        mask(() => tf.less(a, b)),
      ),
  }),
  [tf.Minimum]: (dy, a, b) => ({
    a: () =>
      tf.mul(
        dy,
        mask(() => tf.lessEqual(a, b)),
      ),
    b: () =>
      tf.mul(
        dy,
        mask(() => tf.greater(a, b)),
      ),
  }),
  [tf.Mod]: (dy, a, b) => ({
    a: () => tf.clone(dy),
    b: () =>
      tf.neg(
        tf.mul(
          dy,
          constant(() => tf.floor(tf.div(a, b))),
        ),
      ),
  }),
  [tf.Multiply]: (dy, a, b) => ({ a: () => tf.mul(dy, float(b)), b: () => tf.mul(dy, float(a)) }),
  [tf.Pow]: (dy, a, b) => ({
    a: () => tf.mul(dy, tf.mul(float(b), tf.pow(a, tf.sub(float(b), 1)))),
    b: () => {
      // log of the base where it is positive; elsewhere the power does not vary with its exponent in the reals.
      const positive = constant(() => tf.greater(a, 0));
      const safe = tf.where(
        positive,
        a,
        constant(() => tf.onesLike(a)),
      );
      return tf.mul(dy, tf.mul(tf.pow(a, b), tf.log(safe)));
    },
  }),
  [tf.RealDiv]: (dy, a, b) => ({
    a: () => tf.div(dy, float(b)),
    b: () => tf.neg(tf.div(tf.mul(dy, float(a)), tf.square(float(b)))),
  }),
  [tf.SquaredDifference]: (dy, a, b) => ({
    a: () => tf.mul(dy, tf.mul(2, tf.sub(a, b))),
    b: () => tf.mul(dy, tf.mul(2, tf.sub(b, a))),
  }),
  [tf.Sub]: (dy) => ({ a: () => tf.clone(dy), b: () => tf.neg(dy) }),
};

function float(x: tf.Tensor): tf.Tensor {
  return x.dtype === "float32" ? x : tf.cast(x, "float32");
}

/** {@link binaryRules} as tfjs registers them. */
export function binaryGradients(): tf.GradConfig[] {
  const pairs = Object.entries(binaryRules).map(([kernelName, rule]): tf.GradConfig => ({
    kernelName,
    inputsToSave: ["a", "b"],
    gradFunc: (dy, saved): LazyGradients => {
      const [a, b] = saved as [tf.Tensor, tf.Tensor];
      const gradients = rule(dy as tf.Tensor, a, b);
      return { a: () => sumTo(gradients.a(), a.shape), b: () => sumTo(gradients.b(), b.shape) };
    },
  }));
  const addN: tf.GradConfig = {
    kernelName: tf.AddN,
    saveAllInputs: true,
    gradFunc: (dy, saved) => Object.fromEntries(saved.map((_, i) => [i, () => tf.clone(dy as tf.Tensor)])),
  };
  const select: tf.GradConfig = {
    kernelName: tf.Select,
    inputsToSave: ["condition", "t", "e"],
    gradFunc: (dy, saved) => {
      const [condition, t, e] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
      const zeros = () => tf.zerosLike(dy as tf.Tensor);
      return {
        condition: () => tf.zeros(condition.shape),
        t: () => sumTo(tf.where(condition, dy as tf.Tensor, zeros()), t.shape),
        e: () => sumTo(tf.where(condition, zeros(), dy as tf.Tensor), e.shape),
      };
    },
  };
  return [...pairs, addN, select];
}
