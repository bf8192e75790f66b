import * as tf from "@tensorflow/tfjs-core";
import { constant } from "../differentiable-op.ts";

/** Gradient in x of an element-wise operation: `dy · f′(x)`, written in differentiable operations on x and dy. */
type ElementwiseRule = (dy: tf.Tensor, x: tf.Tensor, attrs: tf.NamedAttrMap) => tf.Tensor;

/** `[x > 0]` as 0/1 floats, a constant. */
function positivePart(x: tf.Tensor): tf.Tensor {
  return constant(() => tf.step(x));
}

/** `[low ≤ x ≤ high]` as 0/1 floats, a constant. */
function within(x: tf.Tensor, low: number, high: number): tf.Tensor {
  return constant(() => tf.cast(tf.logicalAnd(tf.greaterEqual(x, low), tf.lessEqual(x, high)), "float32"));
}

function logistic(x: tf.Tensor): tf.Tensor {
  return tf.sigmoid(x);
}

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

/** Gradients of the kernels with one input called `x`, by kernel name. Masks are constants: their derivative is 0 almost everywhere. */
export const elementwiseRules: Readonly<Record<string, ElementwiseRule>> = {
  [tf.Abs]: (dy, x) =>
    tf.mul(
      dy,
      constant(() => tf.sign(x)),
    ),
  [tf.Acos]: (dy, x) => tf.neg(tf.div(dy, tf.sqrt(tf.sub(1, tf.square(x))))),
  [tf.Asin]: (dy, x) => tf.div(dy, tf.sqrt(tf.sub(1, tf.square(x)))),
  [tf.Atan]: (dy, x) => tf.div(dy, tf.add(1, tf.square(x))),
  [tf.Cast]: (dy) => tf.clone(dy),
  [tf.ClipByValue]: (dy, x, attrs) =>
    tf.mul(dy, within(x, attrs["clipValueMin"] as number, attrs["clipValueMax"] as number)),
  [tf.Cos]: (dy, x) => tf.neg(tf.mul(dy, tf.sin(x))),
  [tf.Cosh]: (dy, x) => tf.mul(dy, tf.sinh(x)),
  [tf.Elu]: (dy, x) => {
    const positive = positivePart(x);
    const negative = constant(() => tf.sub(1, positive));
    // exp of the negative part only: no overflow for large x.
    return tf.mul(dy, tf.add(positive, tf.mul(negative, tf.exp(tf.mul(x, negative)))));
  },
  [tf.Erf]: (dy, x) => tf.mul(dy, tf.mul(2 / Math.sqrt(Math.PI), tf.exp(tf.neg(tf.square(x))))),
  [tf.Exp]: (dy, x) => tf.mul(dy, tf.exp(x)),
  [tf.Expm1]: (dy, x) => tf.mul(dy, tf.exp(x)),
  [tf.Identity]: (dy) => tf.clone(dy),
  [tf.LeakyRelu]: (dy, x, attrs) => {
    const slope = attrs["alpha"] as number;
    return tf.mul(
      dy,
      constant(() => tf.add(tf.mul(positivePart(x), 1 - slope), slope)),
    );
  },
  [tf.Log]: (dy, x) => tf.div(dy, x),
  [tf.Log1p]: (dy, x) => tf.div(dy, tf.add(x, 1)),
  [tf.Neg]: (dy) => tf.neg(dy),
  [tf.Reciprocal]: (dy, x) => tf.neg(tf.div(dy, tf.square(x))),
  [tf.Relu]: (dy, x) => tf.mul(dy, positivePart(x)),
  [tf.Relu6]: (dy, x) =>
    tf.mul(
      dy,
      constant(() => tf.mul(positivePart(x), tf.cast(tf.less(x, 6), "float32"))),
    ),
  [tf.Rsqrt]: (dy, x) => tf.mul(-0.5, tf.div(tf.mul(dy, tf.rsqrt(x)), x)),
  [tf.Selu]: (dy, x) => {
    const positive = positivePart(x);
    const negative = constant(() => tf.sub(1, positive));
    const slope = tf.add(positive, tf.mul(SELU_ALPHA, tf.mul(negative, tf.exp(tf.mul(x, negative)))));
    return tf.mul(dy, tf.mul(SELU_SCALE, slope));
  },
  [tf.Sigmoid]: (dy, x) => {
    const y = logistic(x);
    return tf.mul(dy, tf.mul(y, tf.sub(1, y)));
  },
  [tf.Sin]: (dy, x) => tf.mul(dy, tf.cos(x)),
  [tf.Sinh]: (dy, x) => tf.mul(dy, tf.cosh(x)),
  [tf.Softplus]: (dy, x) => tf.mul(dy, logistic(x)),
  [tf.Sqrt]: (dy, x) => tf.div(dy, tf.mul(2, tf.sqrt(x))),
  [tf.Square]: (dy, x) => tf.mul(dy, tf.mul(2, x)),
  [tf.Tan]: (dy, x) => tf.div(dy, tf.square(tf.cos(x))),
  [tf.Tanh]: (dy, x) => tf.mul(dy, tf.sub(1, tf.square(tf.tanh(x)))),
};

/** {@link elementwiseRules} as tfjs registers them. */
export function elementwiseGradients(): tf.GradConfig[] {
  return Object.entries(elementwiseRules).map(([kernelName, rule]) => ({
    kernelName,
    inputsToSave: ["x"],
    gradFunc: (dy, [x], attrs) => ({ x: () => rule(dy as tf.Tensor, x!, attrs) }),
  }));
}
